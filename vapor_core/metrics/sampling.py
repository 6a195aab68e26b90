"""Which points of a series a chart draws, and its smoothed line: pure functions over arrays.

`series` keeps the points; this module only chooses and averages.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]

_FORGOTTEN = 1e-18  # a weight that no longer shows in a double


def buckets_of(axis: Floats, width: float) -> NDArray[np.int64]:
    """Number of the bucket of each point; buckets are `width` wide (a power of two) and anchored at 0."""
    return np.floor(axis * (1.0 / width)).astype(np.int64)


def telling_points(axis: Floats, tracked: Floats, width: float) -> Positions:
    """Points that tell a series: of each bucket the first and the last and, of each column, least and greatest.

    A column with missing values keeps its own first and last present points too. Choosing from what was chosen at
    a smaller width is choosing from everything, so buckets can be merged without the points between.

    Args:
        axis: ascending positions, shape (n,).
        tracked: values, shape (columns, n); NaN is missing.
        width: of a bucket, a power of two.

    Returns:
        Ascending indices into `axis`; of equal extremes the earliest.
    """
    if not axis.size:
        return np.empty(0, dtype=np.intp)
    bucket = buckets_of(axis, width)
    starts = _changes(bucket)
    counts = np.diff(starts, append=axis.size)
    keep = np.zeros(axis.size, dtype=bool)
    keep[starts] = True
    keep[starts + counts - 1] = True
    missing = np.isnan(tracked)
    gapped = missing.any(axis=1)
    if gapped.any():
        present = ~missing[gapped]
        keep[_firsts(present, bucket)] = True
        keep[axis.size - 1 - _firsts(present[:, ::-1], bucket[::-1])] = True
    for extreme in (
        np.fmin,
        np.fmax,
    ):  # all columns at once: a chart of a short run is mostly the way to numpy
        best = np.repeat(extreme.reduceat(tracked, starts, axis=1), counts, axis=1)
        keep[_firsts(tracked == best, bucket)] = True
    return np.flatnonzero(keep)


def most_telling_points(columns: int) -> int:
    """Of one bucket, at most: its first and last, and of each column its own first, last, least and greatest."""
    return 2 + 4 * columns


def bucket_count(axis: Floats, width: float) -> int:
    """Buckets that hold a point."""
    return int(np.count_nonzero(np.diff(buckets_of(axis, width)))) + bool(axis.size)


def _firsts(hits: NDArray[np.bool_], bucket: NDArray[np.int64]) -> Positions:
    """Indices of the first hit in each bucket of each column; `hits` has the shape (columns, n)."""
    column, at = np.divmod(np.flatnonzero(hits), bucket.size)
    here = bucket[at]
    new = np.empty(at.size, dtype=bool)
    new[:1] = True
    np.logical_or(here[1:] != here[:-1], column[1:] != column[:-1], out=new[1:])
    return at[new]


def _changes(bucket: NDArray[np.int64]) -> Positions:
    """Indices at which a new bucket begins."""
    if not bucket.size:
        return np.empty(0, dtype=np.intp)
    new = np.empty(bucket.size, dtype=bool)
    new[0] = True
    np.not_equal(bucket[1:], bucket[:-1], out=new[1:])
    return np.flatnonzero(new)


def smoothed(
    axis: Floats, values: Floats, weight: float, before: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> tuple[Floats, tuple[float, float, float]]:
    """Debiased exponential average by distance: sum(weight**d * value) / sum(weight**d) over all points so far.

    Args:
        axis: ascending positions, shape (n,).
        values: shape (n,); what is missing (NaN) or no number (infinite) weighs nothing.
        weight: of the point one position back, 0 to below 1.
        before: state after the points that came before, as this function returns it.

    Returns:
        The average at each point (NaN where its value is missing), and the state: numerator, denominator,
        position.
    """
    if not axis.size:
        return np.empty(0), before
    missing = ~np.isfinite(values)
    above = np.concatenate(([before[0]], np.where(missing, 0.0, values)))
    below = np.concatenate(([before[1]], np.where(missing, 0.0, 1.0)))
    at = np.concatenate(([before[2] if before[1] else axis[0]], axis))
    shift = 1
    while shift < at.size:  # after each round a point holds the 2 * shift points up to itself
        decay = _decay(at, shift, weight)
        if np.max(decay) < _FORGOTTEN:
            break
        above[shift:] += decay * above[:-shift]
        below[shift:] += decay * below[:-shift]
        shift *= 2
    line = np.full(axis.size, np.nan)
    np.divide(above[1:], below[1:], out=line, where=~missing)
    return line, (float(above[-1]), float(below[-1]), float(at[-1]))


def _decay(at: Floats, shift: int, weight: float) -> Floats | np.float64:
    """Weight of the point `shift` back; one number where the points are evenly spaced."""
    gap = at[shift:] - at[:-shift]
    if gap[0] == gap[-1] and (gap == gap[0]).all():
        return np.float64(weight ** gap[0])
    return np.power(weight, gap)
