"""What is sent to a browser to be drawn: a frame as an Arrow table of small numbers, and whether sending is worth it.

A drawing needs no more digits than it has pixels, so numbers go as 4 bytes instead of 8; and points that would move
nothing on the screen need not go at all.
"""

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped] # it ships no types
from numpy.typing import NDArray

PIXELS = 1000  # that a drawing is wide, about
FLAT = 0.005  # of a drawing's height: less is not seen


def table(frame: pd.DataFrame) -> pa.Table:
    """A frame's columns as Arrow, numbers in 4 bytes where that shows the same; NaN becomes missing."""
    arrays = [_array(frame[name]) for name in frame.columns]
    return pa.Table.from_arrays(arrays, names=[str(name) for name in frame.columns])


def looks_new(drawn: pd.DataFrame, points: pd.DataFrame, axis: str, columns: tuple[str, ...]) -> bool:
    """Whether a drawing of `points` would look different from that of `drawn`, an earlier state of the same series.

    It does where the axis has grown by a pixel, where a value leaves the range that is drawn, where a column has its
    first value, and where points were dropped.

    Args:
        drawn: what is on the screen.
        points: what there is now.
        axis: the column of positions.
        columns: of values that are drawn.
    """
    if drawn.empty or points.empty or list(drawn.columns) != list(points.columns):
        return len(drawn) != len(points) or list(drawn.columns) != list(points.columns)
    before, now = drawn[axis].to_numpy(), points[axis].to_numpy()
    if now[0] != before[0] or now[-1] < before[-1]:
        return True
    if (now[-1] - before[-1]) * PIXELS > before[-1] - before[0]:
        return True
    first = int(np.searchsorted(now, before[-1], side="right"))
    return any(
        _leaves(drawn[name].to_numpy(np.float64), points[name].to_numpy(np.float64)[first:])
        for name in columns
        if name in drawn
    )


def _leaves(drawn: NDArray[np.float64], fresh: NDArray[np.float64]) -> bool:
    fresh, drawn = fresh[np.isfinite(fresh)], drawn[np.isfinite(drawn)]
    if not fresh.size or not drawn.size:
        return bool(fresh.size)
    low, high = float(drawn.min()), float(drawn.max())
    room = (high - low) * FLAT
    return bool(fresh.min() < low - room or fresh.max() > high + room)


def _array(column: pd.Series) -> pa.Array:
    values = column.to_numpy()
    if values.dtype.kind in "iu" and values.size and np.abs(values).max() < 2**31:
        return pa.array(values.astype(np.int32))
    if values.dtype.kind != "f":
        return pa.array(column, from_pandas=True)
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    told_apart = (np.diff(values) > 0).all() <= (np.diff(short) > 0).all()
    finite = bool((np.isfinite(values) == np.isfinite(short)).all())
    return pa.array(short if told_apart and finite else values, from_pandas=True)
