"""Write the worked example of a study from the folder of one that has been run.

Run: python docs/generate_study_example.py studies/fashion-mnist

README.md is made of the study's figures, followed by reading.md, which is written by hand: where
the findings agree with what others found, and where they do not.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from convwise.report.study_page import write_study_page
from convwise.report.wording import count, percent
from convwise.studies.arm_results import ArmResult
from convwise.studies.findings import Answer
from convwise.studies.reading import read_study
from convwise.studies.study import Study

EXAMPLE = Path(__file__).with_name("examples-study")
HEAD = "<!-- Written by docs/generate_study_example.py; reading.md is the part by hand. -->\n\n"


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
        lines += _section(answer)
    return HEAD + "\n".join(lines) + (f"\n{reading.strip()}\n" if reading else "")


def _section(answer: Answer) -> Iterator[str]:
    question = answer.question
    yield f"## {question.title}\n"
    yield f"Commonly held: {question.claim} ({question.source})\n"
    yield "\n".join(f"- {finding.sentence}" for finding in answer.findings) + "\n"
    if question.published:
        yield f"{question.published}\n"
    if answer.arms:
        heads = ("arm", "accuracy", "interval", "parameters", "FLOPs", "s an epoch", "ms an image")
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
        count(cost.params),
        count(cost.flops),
        f"{cost.seconds_per_epoch:.2f}",
        f"{cost.ms_per_prediction:.3f}",
    )


def _share(share: float | None) -> str:
    return "" if share is None else percent(share).removesuffix("%")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|:--" + "|--:" * (len(heads) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the example."""
    study = read_study(Path(sys.argv[1])).study
    EXAMPLE.mkdir(exist_ok=True)
    written = EXAMPLE / "reading.md"
    reading = written.read_text(encoding="utf-8") if written.exists() else ""
    (EXAMPLE / "README.md").write_text(example_page(study, reading), encoding="utf-8")
    found = json.dumps(study.to_json(), indent=1, ensure_ascii=False)
    (EXAMPLE / "findings.json").write_text(found + "\n", encoding="utf-8")
    shutil.copy(write_study_page(study), EXAMPLE / "study.html")
    print(f"wrote {EXAMPLE}")


if __name__ == "__main__":
    main()
