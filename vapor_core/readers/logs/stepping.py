"""Rows put in the order of their steps, each once: after a resume, of several ranks, and thinned where too many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vapor_core.metrics.sampling import telling_points
from vapor_core.readers.logs.numbers import Floats
from vapor_core.readers.logs.run_log import Axis, Notes

if TYPE_CHECKING:
    import pandas as pd

MOST_NUMBERS = 2_000_000  # rows times columns that are kept of one run; a workspace keeps no more
GROWING = ("epoch", "tokens", "elapsed_s")
OFTEN = 0.5  # of the steps that come twice in a row: more is how a writer logs, less an accident


def by_step(
    steps: Floats, columns: Mapping[str, Floats], ranks: Floats | None, axis: Axis, notes: Notes
) -> pd.DataFrame | None:
    """A row a step, ascending; None where no row has one.

    Where ranks logged the same step their mean counts, where a run was resumed the later attempt.
    """
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    frame = pd.DataFrame(
        {"step": steps, **{name: values for name, values in columns.items() if name != "step"}}
    )
    values = frame.columns.drop(["step", *(name for name in ("epoch",) if name in frame)])
    kept = np.isfinite(steps) & frame[values].notna().any(axis=1).to_numpy()
    frame = frame[kept]
    if frame.empty:
        return None
    ordered = bool((np.diff(frame["step"].to_numpy()) > 0).all())
    if not ordered:
        frame = _once_each(frame, None if ranks is None else ranks[kept], axis, notes)
    frame = frame.assign(step=frame["step"].astype(np.int64)).reset_index(drop=True)
    return _thinned(frame, notes)


def _once_each(frame: pd.DataFrame, ranks: Floats | None, axis: Axis, notes: Notes) -> pd.DataFrame:
    groups = frame.groupby("step", sort=True)
    several = len(np.unique(ranks[np.isfinite(ranks)])) if ranks is not None else 0
    word = "row" if axis == "row" else axis
    if several > 1:
        notes.add(f"{several} ranks logged each step; the means over them are shown")
        return _means(frame)
    loss = frame["loss"].to_numpy() if "loss" in frame else np.full(len(frame), math.nan)
    steps = frame["step"].to_numpy()
    lossy = steps[~np.isnan(loss)]
    again = lossy[1:] == lossy[:-1]
    if len(lossy) and again.sum() and again.sum() >= OFTEN * len(np.unique(lossy)):
        notes.add(f"most {word}s come several times in a row; the means of each {word} are shown")
        return _means(frame)
    falls = int((np.diff(lossy) < 0).sum())
    if falls:
        times = "once" if falls == 1 else f"{falls:,} times"
        notes.add(f"the {word}s go back {times}, as after a resume; the later values are shown")
    elif again.sum():
        notes.add(f"{int(again.sum()):,} {word}s come twice; the last values are shown")
    return groups.last().reset_index()


def _means(frame: pd.DataFrame) -> pd.DataFrame:
    """The mean of each step; of what only grows, the last."""
    ways = {name: "last" if name in GROWING else "mean" for name in frame.columns if name != "step"}
    return frame.groupby("step", sort=True).agg(ways).reset_index()


def _thinned(frame: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """The rows that tell the series, where there are more numbers than a workspace keeps."""
    if frame.size <= MOST_NUMBERS:
        return frame
    rows = len(frame)
    values = np.ascontiguousarray(frame.to_numpy(dtype=np.float64).T)
    kept = np.arange(rows)
    width = 2.0
    while len(kept) * len(values) > MOST_NUMBERS:
        kept = kept[telling_points(values[0, kept], values[1:, kept], width)]
        width *= 2
    notes.add(
        f"{rows:,} rows were thinned to {len(kept):,}: of every {width / 2:,.0f} steps the first, the last, and each "
        "column's least and greatest stayed"
    )
    return frame.iloc[kept].reset_index(drop=True)
