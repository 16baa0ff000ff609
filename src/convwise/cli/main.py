"""The ``convwise`` command: which commands there are, and how each of them ends.

A command is imported only when it is called, so that ``--help`` and the commands that need no torch
answer at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from keyword import iskeyword

from cyclopts import App, CycloptsError, Parameter

from convwise.cli.excerpt import excerpt
from convwise.errors import ConvwiseError, NotationError

COMMANDS = {
    "design": (
        "Show what a network will be, layer by layer, before it is trained.",
        """
convwise design lenet --image 28x28x1 --classes 10
convwise design "conv 32 3 same relu | maxpool 2 | flatten | dense classes"
convwise design my-network.txt --image 64x64x3 --classes 5 --json
convwise design resnet50 --batch 32 --html resnet50.html
convwise design vgg-small --beside resnet20 --image 32x32x3
convwise design keras-convnet --to keras > convnet.py
convwise design --list
""",
    ),
    "audit": (
        "Find damaged, doubled, leaking and odd images; change nothing.",
        """
convwise audit photos/
convwise audit photos/ --html audit.html --write-table clean.csv
convwise audit fashion-mnist --json
""",
    ),
    "train": (
        "Train a classifier on a folder of images or a named data set.",
        """
convwise train photos/
convwise train fashion-mnist --time-limit 60s
convwise train patients.csv --group patient
convwise train fashion-mini --network lenet --epochs 10 --out runs/lenet
convwise train photos/ --from efficientnet-lite0
convwise train photos/ --config recipe.toml --dry-run
convwise train photos/ --find-lr
""",
    ),
    "resume": (
        "Go on with an interrupted training, to the same bits.",
        """
convwise resume runs/photos-fast-1
convwise resume runs/photos-fast-1 --data /mnt/photos
convwise resume runs/photos-fast-1 --on-nan retry
convwise resume runs/photos-fast-1 --threads 4 --inexact
""",
    ),
    "evaluate": (
        "Score a trained model on a data set.",
        """
convwise evaluate runs/fashion-mini-fast-1 fashion-mini
convwise evaluate model.safetensors photos/ --split all --json
""",
    ),
    "predict": (
        "Label image files, or all images in folders.",
        """
convwise predict runs/fashion-mini-fast-1 shoe.png shirt.jpg
convwise predict model.safetensors new-photos/ --json > labels.jsonl
""",
    ),
    "features": (
        "Write what a network makes of images, one row an image.",
        """
convwise features efficientnet-lite0 photos/ --out features.npz
convwise features runs/photos-fast-1 photos/ --out features.parquet
""",
    ),
    "explain": (
        "Show what a network has learnt, what it looks at, and where it errs.",
        """
convwise explain runs/fashion-mini-fast-1 fashion-mini
convwise explain runs/photos-fast-1 shoe.png --target boot
convwise explain runs/photos-fast-1 photos/ --to explained
convwise explain runs/photos-fast-1 photos/ --write-labels fixes.csv
""",
    ),
    "compare": (
        "Compare runs on the same test images, and tell whether they differ.",
        """
convwise compare runs/photos-fast-1 runs/photos-fast-2
convwise compare runs/a runs/b runs/c --html comparison.html
convwise compare runs/a runs/b --json
""",
    ),
    "runs": (
        "List runs with their figures.",
        """
convwise runs
convwise runs experiments/ --sort accuracy
convwise runs --json
""",
    ),
    "study": (
        "Settle questions of design by paired experiments on your own images.",
        """
convwise study --list
convwise study photos/ --budget 30m
convwise study fashion-mini --questions position,pooling --seeds 3
convwise study photos/ --config study.toml --margin 1%
""",
    ),
    "export": (
        "Write a model in another format, proven to give the same answers.",
        """
convwise export runs/fashion-mini-fast-1 --to onnx
convwise export runs/fashion-mini-fast-1 --to int8 --data fashion-mini
convwise export model.safetensors --to keras --out model.keras --json
""",
    ),
    "import": (
        "Read a Keras model without Keras.",
        """
convwise import model.keras
convwise import model.keras --pixels 0..1 --classes cat,dog
""",
    ),
    "verify": (
        "Check that a run, a model or an export is what it was.",
        """
convwise verify runs/fashion-mini-fast-1
convwise verify model.onnx
""",
    ),
    "card": (
        "Write a model card from what was measured.",
        """
convwise card runs/fashion-mini-fast-1 --out README.md
""",
    ),
    "doctor": (
        "Tell what convwise finds on this machine, and what is missing.",
        """
convwise doctor
convwise doctor --json
""",
    ),
}
SENTENCE = (
    "From a folder of images to a convolutional classifier that you understand and can ship, "
    "with the evidence for every layer."
)
EPILOGUE = """
Start here:
  convwise train fashion-mini --time-limit 45s
  convwise train photos/            (one folder of images for each class)

Exit codes: 0 done, 1 failed, 2 the request was wrong, 130 interrupted,
143 terminated.
"""


def make_app() -> App:
    """Return the command-line application; no command's module is imported yet."""
    app = App(
        name="convwise",
        help=SENTENCE,
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version=_version,
        default_parameter=Parameter(negative=()),
    )
    for name, (summary, examples) in COMMANDS.items():
        app.command(
            f"convwise.cli.{_module(name)}:{_module(name)}",
            name=name,
            help=summary,
            help_epilogue="Examples:\n"
            + "\n".join(f"  {line}" for line in examples.split("\n")[1:-1]),
        )
    return app


def _module(command: str) -> str:
    return f"{command}_" if iskeyword(command) else command


def _version() -> str:
    from importlib.metadata import version

    return version("convwise")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    try:
        result = make_app()(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
        return result if isinstance(result, int) else 0
    except CycloptsError as error:
        return _fail(str(error), 2)
    except NotationError as error:
        return _fail("\n".join([str(error), *excerpt(error)]), error.exit_code)
    except ConvwiseError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _fail(message: str, exit_code: int) -> int:
    print(f"convwise: {message}", file=sys.stderr)
    return exit_code


def main() -> None:
    """Entry point of the ``convwise`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name that the terminal's encoding lacks must not end a command.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))
