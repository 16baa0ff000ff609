from __future__ import annotations

import contextlib
import resource
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.design.plan import plan
from convwise.errors import ModelFileError
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import load_model, model_bytes
from convwise.model.trained import TrainedModel

FORMAT = ImageFormat(6, 6, 1)
TEXT = "conv 2 3 same norm relu | avgpool 2 | flatten | dense classes"
CONTENT = model_bytes(TrainedModel(build(plan(TEXT, FORMAT, 2)), FORMAT, ("a", "b")))
HEADER = 8 + int.from_bytes(CONTENT[:8], "little")
MEGABYTES = 300

# Most faults in a file's few tensors are only other numbers, so aim at the header too.
places = st.integers(0, HEADER - 1) | st.integers(0, len(CONTENT) - 1)
flips = st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=6)
swaps = st.tuples(places, st.integers(0, 12), st.binary(max_size=12))


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def opened_or_refused(content: bytes) -> None:
    before = peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(content)
        with contextlib.suppress(ModelFileError):
            model = load_model(path)
            assert len(model.classes) == model.network.plan.classes
    assert peak_megabytes() - before < MEGABYTES


@settings(max_examples=300, deadline=None)
@given(flips)
def test_changed_bytes_are_read_or_refused(changes: list[tuple[int, int]]) -> None:
    content = bytearray(CONTENT)
    for place, value in changes:
        content[place] = value
    opened_or_refused(bytes(content))


@settings(max_examples=200, deadline=None)
@given(swaps)
def test_bytes_cut_out_or_put_in_are_read_or_refused(swap: tuple[int, int, bytes]) -> None:
    place, removed, added = swap
    # The length is made to fit, so that the fault reaches what is read behind it.
    header = CONTENT[8:HEADER]
    at = max(0, place - 8)
    changed = header[:at] + added + header[at + removed :] if place < HEADER else header
    opened_or_refused(len(changed).to_bytes(8, "little") + changed + CONTENT[HEADER:])


@settings(max_examples=100, deadline=None)
@given(places)
def test_a_truncated_file_is_refused(place: int) -> None:
    opened_or_refused(CONTENT[:place])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(content: bytes) -> None:
    opened_or_refused(content)
