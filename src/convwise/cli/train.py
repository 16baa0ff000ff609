"""``convwise train``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from convwise.cli.data_options import (
    DataDir,
    DataSource,
    Download,
    Fold,
    Group,
    ImageSize,
    Nested,
    NoCache,
)
from convwise.cli.find_lr import find_lr as search_rate
from convwise.cli.find_lr import require_from_scratch
from convwise.cli.kernel_table import kernel_table
from convwise.cli.output import news, print_json
from convwise.cli.precision_table import precision_table
from convwise.cli.run_ending import SIGNALS, exit_code, show_run
from convwise.cli.saving_options import CheckpointEvery, OnNan, parse_every
from convwise.cli.share import parse_share
from convwise.cli.step_table import step_table
from convwise.cli.training_view import training_view
from convwise.image import Resize
from convwise.training.settings import read_settings

if TYPE_CHECKING:
    from rich.table import Table

    from convwise.training.profile import StepProfiler
    from convwise.training.recipe import Recipe
    from convwise.training.run import Run


def train(
    data: DataSource,
    /,
    *,
    network: Annotated[
        str | None,
        Parameter(
            help="Zoo name, notation text or file; auto is fast, as wide as --time-limit allows."
            " Default: fast."
        ),
    ] = None,
    from_: Annotated[
        str | None,
        Parameter(
            name="--from",
            help="Begin with trained weights: a run, a model file, efficientnet-lite0, or a"
            " zoo name with --weights.",
        ),
    ] = None,
    weights: Annotated[
        Path | None, Parameter(help="Safetensors file with torchvision's names, for --from.")
    ] = None,
    recipe: Annotated[
        Literal["default", "best"] | None,
        Parameter(help="best is for accuracy without a clock: a wider network, longer."),
    ] = None,
    epochs: Annotated[
        int | None,
        Parameter(help="Passes over the training images. Default: chosen by their number."),
    ] = None,
    time_limit: Annotated[
        str | None, Parameter(help="Train for 60s, 5m or 1h; the learning rate ends with it.")
    ] = None,
    batch_size: Annotated[int | None, Parameter(help="Images in a step. Default: 128.")] = None,
    lr: Annotated[
        float | None,
        Parameter(help="Highest learning rate. Default: by optimizer and length."),
    ] = None,
    seed: Annotated[int | None, Parameter(help="Of splits, weights, order. Default: 0.")] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"] | None,
        Parameter(help="fp16 is for GPUs. Default: auto, which races what there is."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"] | None,
        Parameter(help="Where to compute. Default: auto, which is cuda where there is a GPU."),
    ] = None,
    balance: Annotated[
        Literal["none", "weights", "sampling", "auto"] | None,
        Parameter(help="Let rare classes count more. Default: none."),
    ] = None,
    patience: Annotated[
        int | None,
        Parameter(help="Stop after so many epochs without a lower validation loss; keep the best."),
    ] = None,
    threads: Annotated[int | None, Parameter(help="Default: all cores.")] = None,
    image_size: ImageSize = None,
    resize: Annotated[
        Resize | None, Parameter(help="How images get that size. Default: pad.")
    ] = None,
    group: Group = None,
    fold: Fold = None,
    nested: Nested = False,
    max_bad: Annotated[
        str, Parameter(help="Stop if a larger share of the image files cannot be read.")
    ] = "5%",
    config: Annotated[
        Path | None, Parameter(help="TOML file of settings; flags win over it.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        Parameter(name="--set", help="NAME=VALUE of any other setting of the recipe; repeatable."),
    ] = None,
    out: Annotated[Path | None, Parameter(help="Folder of the run. Default: below runs/.")] = None,
    checkpoint_every: CheckpointEvery = None,
    on_nan: OnNan = None,
    data_dir: DataDir = None,
    download: Download = False,
    no_cache: NoCache = False,
    track: Annotated[
        Literal["tensorboard"] | None, Parameter(help="Also write scalars into RUN/tensorboard.")
    ] = None,
    no_fuse: Annotated[
        bool, Parameter(show_default=False, help="Compute each layer on its own, all by torch.")
    ] = False,
    profile: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Print how bf16 and fused kernels did by layer, and where a step's time goes.",
        ),
    ] = False,
    find_lr: Annotated[
        bool,
        Parameter(show_default=False, help="Do not train: look for a learning rate in 100 steps."),
    ] = False,
    dry_run: Annotated[
        bool, Parameter(show_default=False, help="Send one batch through everything, keep nothing.")
    ] = False,
    json: Annotated[
        bool,
        Parameter(show_default=False, help="Print a JSON line per epoch, and the result last."),
    ] = False,
) -> int:
    """Train a classifier."""
    settings, request = read_settings(
        config,
        set_ or (),
        recipe=recipe,
        network=network,
        precision=precision,
        device=device,
        seed=seed,
        threads=threads,
        epochs=epochs,
        time_limit=time_limit,
        batch_size=batch_size,
        learning_rate=lr,
        balance=balance,
        patience=patience,
    )
    data_options: dict[str, Any] = {
        "data_dir": data_dir,
        "download": download,
        "image_size": image_size,
        "group": group,
        "fold": fold,
        "nested": nested,
        "cache": not no_cache,
        "max_bad": parse_share(max_bad, "--max-bad"),
    }
    if resize is not None:
        data_options["resize"] = resize
    if find_lr:
        require_from_scratch(from_, weights, dry_run=dry_run)
        # It computes in fp32: what suits a network does not hang on the precision.
        request.pop("precision", None)
        request.pop("device", None)
        arguments = sys.argv[1:]
        return search_rate(
            data, settings, out=out, arguments=arguments, as_json=json, **data_options, **request
        )
    return _train_and_tell(
        data,
        settings,
        start_from=from_,
        weights=weights,
        out=out,
        track=track,
        dry_run=dry_run,
        fuse=not no_fuse,
        checkpoint_every=parse_every(checkpoint_every),
        on_nan=on_nan,
        profile=profile,
        as_json=json,
        **data_options,
        **request,
    )


def _train_and_tell(
    data: str,
    recipe: Recipe,
    *,
    checkpoint_every: float | None,
    on_nan: OnNan,
    dry_run: bool,
    profile: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Train, with news of it, write the report, and tell the result; return the exit code."""
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.report.of_run import report_run
    from convwise.training.keeper import Saving
    from convwise.training.profile import StepProfiler
    from convwise.training.train import train as train_classifier
    from convwise.training.world import world_of_environment

    with (
        world_of_environment() as world,
        training_view(news(), as_json=as_json, shown=world.leads) as view,
    ):
        profiler = StepProfiler(view) if profile else None
        run = train_classifier(
            data,
            recipe=recipe,
            watcher=profiler.as_watcher() if profiler else view,
            command="convwise " + shlex.join(sys.argv[1:]),
            dry_run=dry_run,
            saving=Saving().but(checkpoint_every, on_nan),
            signals=SIGNALS,
            world=world,
            **options,
        )
    if not dry_run:
        report_run(run)
    _tell(run, profiler, dry_run=dry_run, as_json=as_json)
    return exit_code(run)


def _tell(run: Run, profiler: StepProfiler | None, *, dry_run: bool, as_json: bool) -> None:
    """Print where the time went, if asked for, and the result."""
    if dry_run:
        news().print("dry run: every part worked on one batch; nothing was kept")
    if profiler:
        news().print(precision_table(run.facts["precision_by_layer"]))
        news().print(kernel_table(run.facts["kernels"]))
        news().print(_where_time_went(run, profiler))
    if as_json:
        print_json(run.summary)
    elif not dry_run:
        show_run(run)


def _where_time_went(run: Run, profiler: StepProfiler) -> Table | str:
    profile = profiler.finish()
    if run.facts["device"] != "cpu":
        return "where a step's time goes is told of the processor only: add --device cpu"
    return step_table(profile)
