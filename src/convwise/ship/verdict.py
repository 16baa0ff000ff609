"""What a proof says, in a sentence; and the error where it says that an export must not be kept."""

from __future__ import annotations

from convwise.errors import RunError
from convwise.ship.proof import Proof
from convwise.ship.runtimes import TITLES, RuntimeName

# A gain that is worth a second file and its check.
WORTH = 1.05
IN_BROWSER = "; tried in ONNX Runtime, whose WebAssembly build runs the same file in a browser"


class ExportError(RunError):
    """What was written does not give the model's answers; it was removed again."""


def verdict_of(proof: Proof, to: str) -> str:
    """Return what was found in a sentence.

    Raises:
        ExportError: the file does not give the model's answers.
    """
    if proof.max_difference <= proof.tolerance and proof.agreement == 1.0:
        return (
            f"the same answers: probabilities within {proof.max_difference:.1e} on"
            f" {proof.to_dict()['files']:,} files, every label equal outside {_ties(proof)}"
            f"{IN_BROWSER if to == 'web' else ''}"
        )
    raise ExportError(
        f"the {to} file gives other answers in {proof.runtime}: probabilities differ by up to"
        f" {proof.max_difference:.1e} ({proof.tolerance:.0e} is allowed), and"
        f" {100 * (1 - proof.agreement):.1f} % of the labels; it was removed. Please report this"
    )


def in_float(runtime: RuntimeName) -> str:
    """Return the name under which float32 is timed beside int8.

    Example:
        >>> in_float("openvino")
        'openvino float32'
    """
    return f"{runtime} float32"


def int8_verdict(proof: Proof, max_loss: float, runtime: RuntimeName) -> str:
    """Return whether int8 is worth it, in a sentence.

    Raises:
        ExportError: it loses more accuracy than it may.
    """
    accuracy = proof.accuracy
    loss = -accuracy["difference"]
    low, high = accuracy["interval"]
    cost = (
        f"accuracy {100 * accuracy['difference']:+.2f} points (95 % interval {100 * low:+.2f} …"
        f" {100 * high:+.2f}, {accuracy['images']:,} images)"
    )
    if loss > max_loss:
        raise ExportError(
            f"don't: int8 costs more than --max-loss {100 * max_loss:g}% allows: {cost};"
            " it was removed. Keep the float32 export"
        )
    mine, plain = proof.seconds[proof.runtime_key], proof.seconds[in_float(runtime)]
    gains = {batch: plain[batch] / mine[batch] for batch in mine}
    speeds = ", ".join(
        f"{gain:.2f} times as fast {'for one image' if batch == 1 else f'in batches of {batch}'}"
        for batch, gain in gains.items()
    )
    if max(gains.values()) < WORTH:
        return (
            f"don't: int8 is not faster than float32 in {TITLES[runtime]} here ({speeds}); {cost}"
        )
    mixed = min(gains.values()) < 1
    return (
        f"{'it depends' if mixed else 'worth it here'}: int8 is {speeds} in {TITLES[runtime]};"
        f" {cost}"
    )


def _ties(proof: Proof) -> str:
    ties = proof.to_dict()["ties"]
    return "1 tie" if ties == 1 else f"{ties} ties"
