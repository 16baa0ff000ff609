"""What an explanation's page says in sentences."""

from __future__ import annotations

from convwise.design.layer import show
from convwise.explain.explanation import Explanation
from convwise.explain.in_data import DataExplanation
from convwise.report.wording import count, counted, percent, shown


def sentences(explanation: Explanation) -> tuple[str, ...]:
    """Return what was found, the weightiest first."""
    said = []
    if explanation.data is not None:
        said += _of_data(explanation.data)
    if silent := _silent(explanation):
        said.append(silent)
    if not said:
        said.append(_of_model(explanation))
    return tuple(said)


def _of_model(explanation: Explanation) -> str:
    model = explanation.model
    classes = counted(len(model.classes), "class", "classes")
    return (
        f"It tells {classes} apart, in images of {show(model.image_format.shape)},"
        f" with {count(model.network.plan.total_params)} weights."
    )


def _of_data(data: DataExplanation) -> list[str]:
    images = len(data.store)
    split = "" if data.split == "all" else f"{data.split} "
    if not data.mistaken:
        return [f"It errs on none of {counted(images, f'{split}image')}."]
    said = [
        f"It errs on {count(data.mistaken)} of {counted(images, f'{split}image')}"
        f" ({percent(data.mistaken / images)})."
    ]
    if data.label_errors:
        number = len(data.label_errors)
        said.append(
            f"{counted(number, 'label')} may be wrong: the network is surer of another class than"
            " it is, on average, of that class’s own images."
        )
    return said


def _silent(explanation: Explanation) -> str | None:
    looked = [each for each in explanation.strongest if each.silent]
    silent = sum(len(each.silent) for each in looked)
    if not silent:
        return None
    every = sum(each.filters for each in explanation.strongest)
    where = ", ".join(f"{len(each.silent)} in {each.layer}" for each in looked)
    return (
        f"{count(silent)} of {counted(every, 'filter')} never answer to any of these images"
        f" ({where}): they cost time and do nothing."
    )


def title(explanation: Explanation) -> str:
    """Return what the page is about."""
    return f"What {shown(explanation.model.name)} looks at"
