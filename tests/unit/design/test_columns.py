from io import StringIO

from rich.console import Console

from convwise.design.columns import Columns

MADE = Columns(("name", "words", "count"), (("a", "one two three", "1,000"),), left=2, folded=1)


def test_a_cell_that_fits_stays_on_its_line() -> None:
    assert list(MADE.text(80)) == ["name  words          count", "a     one two three  1,000"]


def test_the_folded_column_goes_on_below_where_the_width_does_not_suffice() -> None:
    lines = list(MADE.text(23))
    assert lines == ["name  words       count", "a     one two     1,000", "      three"]


def test_rich_prints_the_heading_in_bold_and_brackets_as_they_are() -> None:
    made = Columns(("name",), (("[red]a",),), left=1)
    console = Console(file=StringIO(), force_terminal=True, color_system="standard", width=40)
    with console.capture() as captured:
        console.print(made)
    assert captured.get() == "\x1b[1mname\x1b[0m\n[red]a\n"
