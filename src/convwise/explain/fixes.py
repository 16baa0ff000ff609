"""Likely label errors as a table for people to go through."""

from __future__ import annotations

import csv
import io

from convwise.explain.in_data import DataExplanation

COLUMNS = ("path", "label", "suggested", "label_probability", "suggested_probability", "correct")


def fixes_csv(data: DataExplanation) -> bytes:
    """Return the likely label errors as CSV, the likeliest first.

    The columns are ``path``, ``label``, ``suggested``, the network's probabilities of both, and
    ``correct``, which is empty: whoever looks at the image writes its class there, or leaves it.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for error in data.label_errors:
        names = (data.classes[error.label], data.classes[error.suggested])
        figures = (f"{error.own:.6f}", f"{error.other:.6f}")
        table.writerow((data.store.ids[error.image], *names, *figures, ""))
    return text.getvalue().encode("utf-8", "backslashreplace")
