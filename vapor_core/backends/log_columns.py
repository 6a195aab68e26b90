"""The columns of an imported log as text in the journal, and back as they were.

Numbers are kept bit by bit: little-endian float64, column after column, deflated, in base64. What a log may hold is
`logs`' question.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.errors import InvalidUpload

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.journal.events import LogImported

Floats = NDArray[np.float64]

MOST_NUMBERS = 2_000_000  # rows times columns: what a journal should carry of one run


def packed(name: str, frame: pd.DataFrame) -> tuple[tuple[str, ...], str]:
    """The columns' names and numbers of a log called `name`: steps, TRAINING_COLUMNS and further evaluation sets.

    A missing number stays NaN and one that was measured as no number infinite.

    Raises:
        InvalidUpload: where it has more numbers than one event may hold.
    """
    rows = len(frame)
    if frame.size > MOST_NUMBERS:
        raise InvalidUpload(
            f"{name} has {rows:,} rows of {len(frame.columns)} columns; a workspace keeps "
            f"{MOST_NUMBERS:,} numbers of one run: log less often, or leave columns out"
        )
    values = np.ascontiguousarray(frame.to_numpy(dtype="<f8").T)
    text = base64.b64encode(zlib.compress(values.tobytes(), 6)).decode()
    return tuple(str(column) for column in frame.columns), text


def unpacked(event: LogImported) -> pd.DataFrame:
    """The log's rows, `step` as whole numbers.

    Raises:
        InvalidUpload: where the text holds no such columns: a link or a file may say anything.
    """
    values = columns(event)
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    frame = pd.DataFrame(dict(zip(event.columns, values, strict=True)))
    return frame.assign(step=frame["step"].astype(np.int64))


def columns(event: LogImported) -> Floats:
    """The numbers, a line a column of `event.columns`.

    Raises:
        InvalidUpload: where the text holds no such columns.
    """
    names, rows = event.columns, event.rows
    size = len(names) * rows * 8
    damaged = InvalidUpload(f"the log {event.name[:80]!r} is damaged")
    if not rows or "step" not in names or len(set(names)) != len(names) or size > MOST_NUMBERS * 8:
        raise damaged
    try:
        unfold = zlib.decompressobj()
        content = unfold.decompress(base64.b64decode(event.packed, validate=True), size)
    except (zlib.error, binascii.Error, ValueError):
        raise damaged from None
    if len(content) != size or unfold.unconsumed_tail:
        raise damaged
    values: Floats = np.frombuffer(content, dtype="<f8").reshape(len(names), rows)
    step = values[names.index("step")]
    if not (np.isfinite(step).all() and step[0] >= 0 and step[-1] < 2**53 and (np.diff(step) > 0).all()):
        raise damaged
    return values
