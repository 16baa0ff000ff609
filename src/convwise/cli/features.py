"""``convwise features``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from convwise.cli.data_options import DataDir, DataSource, Download, NoCache
from convwise.cli.output import answers, news, print_json


def features(
    model: Annotated[str, Parameter(help="A run folder, a model file, or efficientnet-lite0.")],
    data: DataSource,
    /,
    *,
    out: Annotated[Path, Parameter(help="File to write: NAME.npz or NAME.parquet.")],
    data_dir: DataDir = None,
    download: Download = False,
    no_cache: NoCache = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Write what a network makes of images before it names their classes."""
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.evaluation.features import (
        dataset_features,
        file_bytes,
        named_model,
        require_writable,
    )
    from convwise.training.storage import write_atomically

    require_writable(out)
    found = dataset_features(
        named_model(model), data, cache=not no_cache, data_dir=data_dir, download=download
    )
    if found.skipped:
        news().print(f"skipped {len(found.skipped)} files that cannot be read")
    write_atomically(out, file_bytes(found, out.suffix))
    images, values = found.features.shape
    if json:
        result = {"file": str(out), "images": images, "values": values, "skipped": found.skipped}
        print_json(result)
    else:
        answers().print(f"wrote {values:,} features of {images:,} images to {out}", markup=False)
    return 0
