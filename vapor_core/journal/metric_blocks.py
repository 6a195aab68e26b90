"""The points of real runs as blocks of columns, and back as they were, bit by bit.

A block is what one append brought. Where a later block begins before the end of an earlier one (a run resumed from a
checkpoint), the earlier points from there on have given way.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vapor_core.errors import JournalError

Floats = NDArray[np.float64]
MOST_VALUES = 4_000_000  # of one block: 32 MB


@dataclass(frozen=True, slots=True)
class MetricBlock:
    """Columns of one length under their names; `number` counts from 1 within the job.

    Attributes:
        notice: what a person should be told where the block is damaged, which has no columns then; else "".
    """

    number: int
    columns: Mapping[str, Floats]
    notice: str = ""


def packed(columns: Mapping[str, Floats]) -> tuple[int, str, bytes]:
    """(rows, names as JSON, values): little-endian float64, column after column.

    Raises:
        JournalError: where the columns are none, differ in length, or are more than one block holds.
    """
    arrays = [np.ascontiguousarray(values, dtype="<f8") for values in columns.values()]
    if not arrays or any(array.ndim != 1 or array.shape != arrays[0].shape for array in arrays):
        raise JournalError("points come as flat columns of one length")
    if len(arrays) * arrays[0].size > MOST_VALUES:
        raise JournalError(f"a block of points holds {MOST_VALUES:,} values; append them in smaller blocks")
    return arrays[0].size, json.dumps(list(columns)), b"".join(array.tobytes() for array in arrays)


def unpacked(rows: int, names: str, body: bytes, where: str) -> Mapping[str, Floats]:
    """The columns of a block.

    Raises:
        JournalError: names `where` a damaged block stands.
    """
    known = json.loads(names)
    if len(body) != 8 * rows * len(known):
        raise JournalError(
            f"{where} is damaged: {len(body)} bytes are not {len(known)} columns of {rows} rows"
        )
    values = np.frombuffer(body, dtype="<f8").reshape(len(known), rows)
    return dict(zip(known, values, strict=True))


def joined(blocks: Iterable[MetricBlock], axis: str = "step") -> dict[str, Floats]:
    """All points in order of the axis; a column that a block lacks is missing (NaN) there."""
    pieces: list[Mapping[str, Floats]] = []
    for block in blocks:
        if block.notice:
            continue
        first = block.columns[axis][0] if len(block.columns[axis]) else np.inf
        while pieces and pieces[-1][axis][-1] >= first:
            stays = int(np.searchsorted(pieces[-1][axis], first))
            cut = {name: values[:stays] for name, values in pieces.pop().items()}
            if stays:
                pieces.append(cut)
        if np.isfinite(first):
            pieces.append(block.columns)
    names = dict.fromkeys(name for piece in pieces for name in piece)
    return {
        name: np.concatenate([piece.get(name, np.full(len(piece[axis]), np.nan)) for piece in pieces])
        for name in names
    }
