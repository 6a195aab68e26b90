"""Fewer points for a small chart, none of its extremes lost, so that a browser draws many charts at once."""

import numpy as np
import pandas as pd


def thinned(frame: pd.DataFrame, axis: str, columns: tuple[str, ...], span: float, most: int) -> pd.DataFrame:
    """The rows that a chart of a few columns needs: of each bucket the first, the last and each column's extremes.

    Buckets are anchored at 0, so that points stay where they are while the chart moves on.

    Args:
        frame: rows in ascending order of `axis`, which has no missing values.
        axis: the column of positions.
        columns: those that are drawn.
        span: of the axis that the chart shows.
        most: rows that are wanted, about.
    """
    if len(frame) <= most:
        return frame
    buckets = max(most // (2 + 2 * len(columns)), 1)
    bucket = np.floor(frame[axis].to_numpy(np.float64) * (buckets / span)).astype(np.int64)
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    ends = np.append(starts[1:], len(bucket))
    keep = {*starts.tolist(), *(ends - 1).tolist()}
    for name in columns:
        values = frame[name].to_numpy(np.float64)
        for start, end in zip(starts, ends, strict=True):
            inside = values[start:end]
            if not np.isnan(inside).all():
                keep |= {start + int(np.nanargmin(inside)), start + int(np.nanargmax(inside))}
    return frame.iloc[sorted(keep)]
