"""Write the worked example of a study from the folder of one that has been run.

Run: python docs/generate_study_example.py studies/fashion-mnist

docs/examples-study/ gets the study's page, its findings, its charts, and README.md with all
figures. That ends with what others found beside what was measured, followed by reading.md, which is
written by hand: where they agree, and where they do not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from study_example.beside import beside
from study_example.pictures import pictures

from convwise.errors import ConvwiseError
from convwise.report.study_page import write_study_page
from convwise.report.wording import count, percent
from convwise.studies.arm_results import ArmResult
from convwise.studies.findings import Answer
from convwise.studies.reading import StudySoFar, read_study
from convwise.studies.study import Study

EXAMPLE = Path(__file__).with_name("examples-study")
HEAD = "<!-- Written by docs/generate_study_example.py; reading.md is the part by hand. -->\n\n"
MOST_BYTES = 3_000_000
READERS = (EXAMPLE.parents[1] / "README.md", EXAMPLE.parent / "guide" / "study.md")


def example_page(study: Study, reading: str = "") -> str:
    """Return the page: what was asked, every verdict, every arm.

    Args:
        study: that has been run.
        reading: what is to be said of it, Markdown.
    """
    facts = study.facts
    data, scale, machine = facts["data"], facts["scale"], facts["machine"]
    lines = [
        f"# A study of {data['name']}\n",
        f"    {facts['command']}\n",
        f"{facts['seeds']} seeds, {count(data['train_images'])} training images and"
        f" {scale['epochs']} epochs each, {count(data['test_images'])} test images, on"
        f" {machine['cpu']} with {machine['cores']} cores."
        " The whole of it is in [study.html](study.html) and [findings.json](findings.json).\n",
        "Accuracies are means over the seeds, in per cent. Intervals are 95 %: of a difference,"
        " over seeds and test images together; of an accuracy, of the test sample (Wilson).\n",
    ]
    if facts["given_up"]:
        lines.append(f"To end in time it gave up {', '.join(facts['given_up'])}.\n")
    for answer in study.answers:
        lines += _section(answer, facts["margin"])
    if rows := beside(study):
        lines.append("## Beside what others found\n")
        lines.append(_table(("published", "measured here", "verdict on accuracy"), rows, ":--"))
    return HEAD + "\n".join(lines) + (f"\n{reading.strip()}\n" if reading else "")


def _section(answer: Answer, margin: float) -> Iterator[str]:
    question = answer.question
    yield f"## {question.title}\n"
    yield f"Commonly held: {question.claim} ({question.source})\n"
    yield "\n".join(f"- {finding.sentence}" for finding in answer.findings) + "\n"
    if question.published:
        yield f"{question.published}\n"
    for picture in pictures(answer, margin):
        yield f"![{question.title}]({picture.file})\n"
        yield f"{picture.words}\n"
    if answer.arms:
        heads = (
            "arm",
            "accuracy",
            "interval",
            "test images",
            "parameters",
            "FLOPs",
            "s an epoch",
            "ms an image",
        )
        yield _table(heads, [_arm(result) for result in answer.arms])
    if answer.curve is not None:
        places = [f"{place:g}" for place in answer.curve.tests]
        yield f"Accuracy along: {answer.curve.title.lower()}\n"
        rows = [
            (result.arm.name, *(_share(point.accuracy) for point in result.points))
            for result in answer.arms
        ]
        yield _table(("arm", *places), rows)
    if answer.curve is not None and answer.curve.given is not None:
        yield f"Of the images that are right at {answer.curve.given}, how many are still right\n"
        rows = [
            (result.arm.name, *(_share(point.given) for point in result.points))
            for result in answer.arms
        ]
        yield _table(("arm", *places), rows)


def _arm(result: ArmResult) -> tuple[str, ...]:
    low, high = result.interval
    cost = result.cost
    return (
        result.arm.name,
        _share(result.accuracy),
        f"{_share(low)} to {_share(high)}",
        count(result.images),
        count(cost.params),
        count(cost.flops),
        f"{cost.seconds_per_epoch:.2f}",
        f"{cost.ms_per_prediction:.3f}",
    )


def _share(share: float | None) -> str:
    return "" if share is None else percent(share).removesuffix("\u00a0%")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], rest: str = "--:") -> str:
    lines = ["| " + " | ".join(heads) + " |", "|:--" + f"|{rest}" * (len(heads) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def write_example(found: StudySoFar, example: Path) -> list[Path]:
    """Write the example's files and return them.

    Args:
        found: a study that has been carried to its end.
        example: the folder to write; reading.md may stand there.

    Raises:
        ValueError: the study has not come to its end, or its page is too large for the repository.
    """
    study = found.study
    if found.done < found.wanted or found.unknown:
        missing = f"{found.wanted - found.done} of {found.wanted} cells are missing"
        raise ValueError(f"{missing}; the command that began the study goes on with it")
    page = write_study_page(study)
    if page.stat().st_size > MOST_BYTES:
        raise ValueError(f"{page} is larger than {count(MOST_BYTES)} bytes")
    example.mkdir(exist_ok=True)
    written = example / "reading.md"
    reading = written.read_text(encoding="utf-8") if written.exists() else ""
    # Where the folder lay is no fact of the study.
    findings = study.to_json() | {"study": study.folder.name}
    files = {
        "README.md": example_page(study, reading),
        "findings.json": json.dumps(findings, indent=1, ensure_ascii=False) + "\n",
        "study.html": page.read_text(encoding="utf-8"),
    }
    for answer in study.answers:
        files |= {each.file: each.svg for each in pictures(answer, study.facts["margin"])}
    for name, content in files.items():
        (example / name).write_text(content, encoding="utf-8")
    return [example / name for name in files]


def main() -> None:
    """Write the example."""
    try:
        written = write_example(read_study(Path(sys.argv[1])), EXAMPLE)
    except (IndexError, ValueError, ConvwiseError) as error:
        raise SystemExit(f"{error}" if sys.argv[1:] else "give the folder of a study") from None
    for path in written:
        print(f"wrote {path} ({count(path.stat().st_size)} bytes)")
    if not (EXAMPLE / "reading.md").exists():
        print(f"{EXAMPLE / 'reading.md'} is still to be written; then run this once more")
    for page in READERS:
        if EXAMPLE.name not in page.read_text(encoding="utf-8"):
            print(f"{page} has no link to {EXAMPLE.name} yet")


if __name__ == "__main__":
    main()
