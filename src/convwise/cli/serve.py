"""``convwise serve``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from convwise.cli.runtime_option import RuntimeOption
from convwise.data.cores import usable_cores
from convwise.errors import OptionError

_NAME = re.compile(r"[\w.-]{1,64}")


def serve(
    model: Annotated[
        Path | None, Parameter(help="A run folder or a model file. Default: those of --model.")
    ] = None,
    /,
    *,
    named: Annotated[
        list[str] | None,
        Parameter(
            name="--model",
            help="One of several models, as NAME=FILE; asked for with ?model=NAME. The first one"
            " answers when none is named.",
            consume_multiple=False,
        ),
    ] = None,
    host: Annotated[
        str, Parameter(help="Address to listen on; others than loopback need --token.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="0 takes one that is free.")] = 8000,
    token: Annotated[
        str | None,
        Parameter(
            env_var="CONVWISE_TOKEN",
            show_env_var=True,
            help="What requests must bring as Authorization: Bearer TOKEN. Processes can read"
            " each other's command lines: the variable is safer.",
        ),
    ] = None,
    runtime: RuntimeOption = "torch",
    max_batch: Annotated[int, Parameter(help="Images that are computed at once.")] = 32,
    max_wait_ms: Annotated[
        float,
        Parameter(help="Longest wait of an image for others that are on their way."),
    ] = 5.0,
    queue: Annotated[
        int, Parameter(help="Images that are accepted and not yet answered; above it, 429.")
    ] = 256,
    max_body_mb: Annotated[float, Parameter(help="Largest body of a request, MiB.")] = 32.0,
    max_megapixels: Annotated[
        float, Parameter(help="Largest picture that is decoded, in millions of pixels.")
    ] = 32.0,
    timeout: Annotated[
        float, Parameter(help="Seconds from a request's last byte to its answer; then 503.")
    ] = 30.0,
    drain: Annotated[
        float, Parameter(help="Seconds that SIGTERM leaves for what was accepted.")
    ] = 30.0,
    decoders: Annotated[
        int | None, Parameter(help="Processes that decode. Default: one for each core.")
    ] = None,
    threads: Annotated[
        int | None, Parameter(help="Threads that compute. Default: one for each core.")
    ] = None,
    log_level: Annotated[
        Literal["info", "warning", "error"],
        Parameter(help="info logs every request, as a JSON line on standard error."),
    ] = "info",
) -> int:
    """Answer HTTP requests with the labels of the images that they bring."""
    models = _models(model, named or ())
    # torch takes seconds to import: --help and a wrong option answer without it.
    import logging

    from convwise.serve.limits import Limits
    from convwise.serve.served_model import Batching
    from convwise.serve.server import serve as run
    from convwise.serve.settings import Settings

    settings = Settings(
        models,
        host,
        port,
        token,
        runtime,
        Batching(max_batch, max_wait_ms / 1000),
        Limits(
            queue=queue,
            body_bytes=int(max_body_mb * (1 << 20)),
            pixels=int(max_megapixels * 1_000_000),
            answer_seconds=timeout,
            drain_seconds=drain,
        ),
        decoders if decoders is not None else usable_cores(),
        threads if threads is not None else usable_cores(),
    )
    run(settings, log_level=getattr(logging, log_level.upper()))
    return 0


def _models(model: Path | None, named: Sequence[str]) -> dict[str, Path]:
    """Return name → file.

    Raises:
        OptionError: a name is given twice, or is none.
    """
    models: dict[str, Path] = {}
    if model is not None:
        models[model.resolve().name if model.is_dir() else model.stem] = model
    for each in named:
        name, equals, file = each.partition("=")
        if not equals or not file or not _NAME.fullmatch(name):
            raise OptionError(
                f"--model {each!r} is not NAME=FILE, with a name of letters, digits, . _ or -"
            )
        if name in models:
            raise OptionError(f"--model {name} is given twice; give each model a name of its own")
        models[name] = Path(file)
    return models
