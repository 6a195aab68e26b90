"""Charts as a browser gets them: a specification built once, and its points as an Arrow table of small numbers.

`spec("loss")` is `loss_chart` as a Vega-Lite dictionary on the named data set "points"; `streamed("loss", frame)` is
that with its data, and a browser updates the drawing in place when only the data changed. A drawing needs no more
digits than it has pixels, so numbers go as 4 bytes; points that would move nothing on the screen need not go at all.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped] # it ships no types
from numpy.typing import NDArray

from vapor_core.charts.comparison import compare_chart
from vapor_core.charts.parts import Drawing, counting
from vapor_core.charts.planning import (
    cost_front_chart,
    fidelity_chart,
    forecast_chart,
    memory_breakdown_chart,
)
from vapor_core.charts.serving import (
    errors_chart,
    latency_chart,
    queue_chart,
    replicas_chart,
    request_rate_chart,
    tpot_chart,
    traffic_chart,
    ttft_chart,
)
from vapor_core.charts.training import (
    grad_norm_chart,
    learning_rate_chart,
    loss_chart,
    memory_chart,
    throughput_chart,
)
from vapor_core.contracts.columns import eval_sets

SAMPLES = 1000  # the most points of a series that a chart is given
_CHARTS: dict[str, Callable[..., Drawing]] = {
    "loss": loss_chart,
    "learning_rate": learning_rate_chart,
    "grad_norm": grad_norm_chart,
    "throughput": throughput_chart,
    "memory": memory_chart,
    "memory_breakdown": memory_breakdown_chart,
    "compare": compare_chart,
    "request_rate": request_rate_chart,
    "traffic": traffic_chart,
    "latency": latency_chart,
    "errors": errors_chart,
    "ttft": ttft_chart,
    "tpot": tpot_chart,
    "replicas": replicas_chart,
    "queue": queue_chart,
    "cost_front": cost_front_chart,
    "forecast": forecast_chart,
    "fidelity": fidelity_chart,
}


@lru_cache(maxsize=256)
def spec(name: str, **options: str | bool) -> dict[str, Any]:
    """A chart by its function's name without "_chart", on the named dataset "points"; built once.

    Options are the function's, such as `spec("loss", x="tokens", log_scale=True, smoothed=True)`, and `counts`: what
    the column of steps counts, in words. Callers must not change the dictionary.
    """
    if (counts := options.pop("counts", "step")) != "step":
        return counting(spec(name, **options), str(counts))
    specification: dict[str, Any] = _CHARTS[name](alt.NamedData(name="points"), **options).to_dict()
    specification.pop("$schema", None)
    specification["config"].pop("view", None)  # sizes of a drawing that says no size
    return _said_once(specification)


def _said_once(specification: dict[str, Any]) -> dict[str, Any]:
    """The same with an x axis that all layers share stated once: a third of what is sent at each tick."""
    layers = list(_layers(specification))
    axes = [layer["encoding"]["x"] for layer in layers if "encoding" in layer]
    if len(axes) < len(layers) or any(axis != axes[0] for axis in axes):
        return specification
    for layer in layers:
        layer["encoding"] = {name: how for name, how in layer["encoding"].items() if name != "x"}
    return {**specification, "encoding": {"x": axes[0]}}


def _layers(specification: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The innermost layers."""
    for layer in specification["layer"]:
        yield from _layers(layer) if "layer" in layer else (layer,)


def streamed(name: str, frame: pd.DataFrame, **options: str | bool) -> dict[str, Any]:
    """`spec(name, **options)` with its points as an Arrow table of the columns that it draws.

    A loss chart draws every further evaluation set that the frame has.
    """
    if name == "loss" and (further := eval_sets(frame.columns)):
        options = {**options, "sets": " ".join(further)}
    drawn = fields(name, **options)
    kept = frame[[column for column in frame.columns if column in drawn]]
    return {**spec(name, **options), "datasets": {"points": table(kept)}}


@lru_cache(maxsize=256)
def fields(name: str, **options: str | bool) -> frozenset[str]:
    """The columns that a chart draws or tells."""
    return frozenset(_named(spec(name, **options)))


def _named(value: object) -> Iterator[str]:
    """Every field that a specification reads: by name, in an expression, or folded."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("field", "fold") or (key == "fields" and isinstance(inner, list)):
                yield from [inner] if isinstance(inner, str) else inner
            else:
                yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)
    elif isinstance(value, str):
        yield from re.findall(r"datum(?:\.|\[')(\w+)", value)


PIXELS = 1000  # about the width of a drawing
FLAT = 0.005  # share of a drawing's height; a smaller change is not seen


def table(frame: pd.DataFrame) -> pa.Table:
    """A frame's columns as Arrow, numbers in 4 bytes where that shows the same; NaN becomes missing."""
    arrays = [_array(frame[name]) for name in frame.columns]
    return pa.Table.from_arrays(arrays, names=[str(name) for name in frame.columns])


def looks_new(
    drawn: pd.DataFrame,
    points: pd.DataFrame,
    axis: str,
    columns: tuple[str, ...],
    *,
    pixels: int = PIXELS,
    flat: float = FLAT,
) -> bool:
    """Whether a drawing of `points` would look different from that of `drawn`, an earlier state of the same series.

    It does where the axis has grown or moved on by a pixel, where a value leaves the range that is drawn, where a
    column has its first value, and where points were dropped. Rows without a position (over time, those that a fork
    inherited) are not drawn.

    Args:
        drawn: what is on the screen.
        points: what there is now.
        axis: the column of positions.
        columns: of values that are drawn.
        pixels: about the width of the drawing; fewer where a small chart may lag behind by some.
        flat: share of the drawing's height by which a value may leave it unseen.
    """
    drawn, points = (frame[frame[axis].notna()] for frame in (drawn, points))
    if drawn.empty or points.empty or list(drawn.columns) != list(points.columns):
        return len(drawn) != len(points) or list(drawn.columns) != list(points.columns)
    before, now = drawn[axis].to_numpy(), points[axis].to_numpy()
    if now[0] < before[0] or now[-1] < before[-1]:
        return True
    if max(now[-1] - before[-1], now[0] - before[0]) * pixels > before[-1] - before[0]:
        return True
    first = int(np.searchsorted(now, before[-1], side="right"))
    return any(
        _leaves(drawn[name].to_numpy(np.float64), points[name].to_numpy(np.float64)[first:], flat)
        for name in columns
        if name in drawn
    )


def _leaves(drawn: NDArray[np.float64], fresh: NDArray[np.float64], flat: float) -> bool:
    fresh, drawn = fresh[np.isfinite(fresh)], drawn[np.isfinite(drawn)]
    if not fresh.size or not drawn.size:
        return bool(fresh.size)
    low, high = float(drawn.min()), float(drawn.max())
    room = (high - low) * flat
    return bool(fresh.min() < low - room or fresh.max() > high + room)


def _array(column: pd.Series) -> pa.Array:
    values = column.to_numpy()
    if values.dtype.kind in "iu" and values.size and np.abs(values).max() < 2**31:
        return pa.array(values.astype(np.int32))
    if values.dtype.kind != "f":
        return pa.array(column, from_pandas=True)
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    known = np.isfinite(values)
    distinct = (np.diff(values[known]) > 0).all() <= (np.diff(short[known]) > 0).all()
    finite = bool((known == np.isfinite(short)).all())
    return pa.array(short if distinct and finite else values, from_pandas=True)
