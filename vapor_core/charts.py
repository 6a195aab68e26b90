"""How each quantity is drawn: one chart a quantity, from a frame of metrics to Altair. No Streamlit.

`loss_chart(frame)` and its neighbours are for notebooks. `spec("loss")` is the same chart as a Vega-Lite
dictionary, built once on the named dataset "points"; `streamed("loss", frame)` is that with its data, and a browser
updates the drawing in place when only the data changed. Colours come from the theme's palette.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import altair as alt
import pandas as pd

from vapor_core import chart_data
from vapor_core import chart_parts as parts
from vapor_core.chart_parts import NEUTRAL, Axis, Drawing, Source
from vapor_core.contracts import Estimate

SAMPLES = 1000  # points a series that a chart is meant for
TICK_S = 5.0  # seconds that a row of a deployment's metrics counts requests over
AXES: tuple[Axis, ...] = ("step", "tokens", "epoch", "time")
_RATE_LABEL = "datum.value ? format(datum.value, '~e') : '0'"
# The quantities that compare_chart takes: column -> words on the axis, number format.
COMPARED: dict[str, tuple[str, str]] = {
    "loss": ("train loss", "~g"),
    "loss_smoothed": ("train loss", "~g"),
    "eval_loss": ("eval loss", "~g"),
    "learning_rate": ("learning rate", "~g"),
    "grad_norm": ("gradient norm", "~g"),
    "grad_norm_smoothed": ("gradient norm", "~g"),
    "tokens_per_second": ("tokens per second", "~s"),
    "tokens_per_second_smoothed": ("tokens per second", "~s"),
    "memory_gb": ("memory (GB)", "~g"),
    "cost_usd": ("cost (US$)", "$~s"),
}


def loss_chart(
    frame: Source, x: Axis = "step", log_scale: bool = False, smoothed: bool | None = None
) -> Drawing:
    """Train loss, raw under smoothed, and evaluation loss. `smoothed` None: whether the frame has it."""
    smooth = parts.has_smoothed(frame, "loss", smoothed)
    base = parts.over(frame, x)
    scale = parts.loss_scale(log_scale)
    names = ["train", "eval"]
    words = "nats per token"
    y = alt.Y("loss:Q", title=words, scale=scale)
    layers = [parts.layer_of(parts.raw_line(base, smooth), "train", names).encode(y)]
    tips = [("loss", "train", ".4f")]
    if smooth:
        line = base.mark_line(strokeWidth=2.5).encode(alt.Y("loss_smoothed:Q", title=words, scale=scale))
        layers.append(parts.layer_of(line, "train", names))
        tips.append(("loss_smoothed", "smoothed", ".4f"))
    evaluated = base.transform_filter("isValid(datum.eval_loss)").encode(
        alt.Y("eval_loss:Q", title=words, scale=scale)
    )
    line = evaluated.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=28))
    layers.append(parts.layer_of(line, "eval", names))
    tips.append(("eval_loss", "eval", ".4f"))
    return parts.finish([*layers, parts.hover(base, tips, parts.training_position())], "Loss")


def learning_rate_chart(frame: Source, x: Axis = "step") -> Drawing:
    """Learning rate: warm-up and schedule."""
    base = parts.over(frame, x)
    y = alt.Y("learning_rate:Q", title="rate", axis=alt.Axis(labelExpr=_RATE_LABEL))
    tips = [("learning_rate", "rate", ".3~e")]
    layers = [base.mark_line(strokeWidth=2).encode(y), parts.hover(base, tips, parts.training_position())]
    return parts.finish(layers, "Learning rate")


def grad_norm_chart(frame: Source, x: Axis = "step", smoothed: bool | None = None) -> Drawing:
    """Norm of the gradient before clipping."""
    return parts.noisy_chart(frame, x, ("grad_norm", "norm", ".3~g"), "Gradient norm", smoothed)


def throughput_chart(frame: Source, x: Axis = "step", smoothed: bool | None = None) -> Drawing:
    """Tokens a second, all accelerators."""
    return parts.noisy_chart(frame, x, ("tokens_per_second", "tokens/s", ".3~s"), "Throughput", smoothed)


def memory_chart(frame: Source, x: Axis = "step", available_gb: float | None = None) -> Drawing:
    """Memory of one accelerator against what it has: `available_gb`, or a column of that name."""
    if available_gb is not None and isinstance(frame, pd.DataFrame):
        frame = frame.assign(available_gb=available_gb)
    base = parts.over(frame, x)
    names = ["used", "available"]
    used = base.mark_area(opacity=0.35, line={"strokeWidth": 2}).encode(
        alt.Y("memory_gb:Q", title="GB", scale=alt.Scale(zero=True))
    )
    limit = base.mark_line(strokeDash=[6, 4]).encode(alt.Y("available_gb:Q", title="GB"))
    tips = [("memory_gb", "used (GB)", ".2f"), ("available_gb", "available (GB)", ".1f")]
    layers = [parts.layer_of(used, "used", names), parts.layer_of(limit, "available", names)]
    return parts.finish(
        [*layers, parts.hover(base, tips, parts.training_position())], "Memory per accelerator"
    )


def memory_breakdown_chart(frame: Source | Estimate) -> Drawing:
    """The parts of the memory that a run takes against the card, from an Estimate or its `memory_parts`."""
    base = alt.Chart(memory_parts(frame) if isinstance(frame, Estimate) else frame)
    scale = alt.Scale(domain=["weights", "gradients", "optimizer", "activations", "overhead"])
    bars = base.mark_bar(height=30).encode(
        alt.X("gb:Q", title="GB per accelerator", stack="zero", axis=parts.numbers()),
        alt.Color("part:N", title=None, scale=scale, legend=parts.legend(3)),
        alt.Order("order:Q"),
        tooltip=["part:N", alt.Tooltip("gb:Q", title="GB", format=".2f")],
    )
    has = "max(available_gb):Q"
    limit = base.mark_tick(thickness=3, size=44, color=NEUTRAL).encode(
        alt.X(has, scale=alt.Scale(nice=True)),
        tooltip=[alt.Tooltip(has, title="the card has (GB)", format=".1f")],
    )
    return parts.finish([bars, limit], "Memory against the card").properties(height=70)


def compare_chart(
    frame: Source | Mapping[str, pd.DataFrame],
    column: str = "loss",
    x: Axis = "step",
    log_scale: bool = False,
) -> Drawing:
    """One column (of COMPARED) of several jobs over each other, from frames by the jobs' names or `side_by_side`."""
    source = side_by_side(frame) if isinstance(frame, Mapping) else frame
    base = parts.over(source, x).transform_filter(f"isValid(datum['{column}'])")
    words, form = COMPARED[column]
    scale = parts.loss_scale(log_scale) if "loss" in column else alt.Scale(zero=False)
    y = alt.Y(f"{column}:Q", title=words, scale=scale, axis=alt.Axis(format=form))
    hue = alt.Color("job:N", title=None, legend=parts.legend(2, 125), sort=None)
    field = parts.FIELD[x]
    near = alt.selection_point(
        name="near", nearest=True, on="pointermove", clear="pointerout", fields=["job", field], empty=False
    )
    tips = ["job:N", *parts.training_position(), alt.Tooltip(f"{column}:Q", title=words, format=".4~g")]
    points = base.mark_point(filled=True, size=60).encode(
        y, hue, opacity=alt.condition(near, alt.value(1), alt.value(0)), tooltip=tips
    )
    lines = base.mark_line(strokeWidth=2).encode(y, hue)
    return parts.finish([lines, points.add_params(near)], words[0].upper() + words[1:])


def request_rate_chart(frame: Source) -> Drawing:
    """Requests a second that arrive at a deployment."""
    return parts.served_chart(frame, ("request_rate", "requests/s", ".3~g"), "Request rate")


def traffic_chart(frame: Source) -> Drawing:
    """Requests a second by what became of them: succeeded, client errors, server errors."""
    names = {
        "succeeded": "succeeded",
        "client_errors": "client (4xx)",
        "server_errors": "server (5xx)",
    }
    base = parts.over(frame, "time")
    area = (
        parts.folded(base, names)
        .transform_calculate(rate=f"datum.value / {TICK_S}")
        .mark_area()
        .encode(
            alt.Y("rate:Q", title="requests/s", stack="zero", axis=parts.numbers()),
            alt.Color(
                "label:N", title=None, scale=alt.Scale(domain=[*names.values()]), legend=parts.legend(3)
            ),
        )
    )
    tips = [(column, f"{label}, per tick", ".0f") for column, label in names.items()]
    return parts.finish([area, parts.hover(base, tips, parts.serving_position())], "Requests by outcome")


def latency_chart(frame: Source) -> Drawing:
    """Latency of whole requests: p50, p95 and p99."""
    names = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}
    return parts.served_lines_chart(frame, names, "ms", "Latency of requests", log_scale=True)


def errors_chart(frame: Source) -> Drawing:
    """Failed requests by class."""
    names = {"client_errors": "client (4xx)", "server_errors": "server (5xx)"}
    return parts.served_lines_chart(frame, names, f"errors in {TICK_S:.0f} s", "Errors by class")


def ttft_chart(frame: Source) -> Drawing:
    """Time to the first token."""
    return parts.served_lines_chart(
        frame, {"ttft_ms": "TTFT, median"}, "ms", "Time to first token", log_scale=True
    )


def tpot_chart(frame: Source) -> Drawing:
    """Time per output token."""
    return parts.served_chart(frame, ("tpot_ms", "ms", ".3~g"), "Time per output token")


def replicas_chart(frame: Source) -> Drawing:
    """Replicas that are ready."""
    return parts.served_chart(frame, ("replicas", "replicas", ".0f"), "Replicas", stairs=True)


def queue_chart(frame: Source) -> Drawing:
    """Requests that wait."""
    return parts.served_chart(frame, ("queue_depth", "requests", ",.0f"), "Queue")


def cost_front_chart(frame: Source) -> Drawing:
    """Configurations by their cost and the loss they reach; columns name, cost_usd, final_loss."""
    base = alt.Chart(frame).encode(
        alt.X(
            "cost_usd:Q",
            title="cost (US$)",
            scale=alt.Scale(zero=False, padding=40),
            axis=alt.Axis(format="$,~r", tickCount=5),
        ),
        alt.Y("final_loss:Q", title="final eval loss", scale=alt.Scale(zero=False)),
        tooltip=[
            alt.Tooltip("name:N", title="configuration"),
            alt.Tooltip("cost_usd:Q", title="cost", format="$,.2f"),
            alt.Tooltip("final_loss:Q", title="final eval loss", format=".4f"),
        ],
    )
    line = base.mark_line(opacity=0.4, interpolate="step-after").encode(alt.Order("cost_usd:Q"))
    labels = base.mark_text(align="left", dx=8, dy=-8, limit=180, color=NEUTRAL).encode(text="name:N")
    return parts.finish([line, base.mark_circle(size=90, opacity=1), labels], "Cost against loss")


def forecast_chart(
    frame: Source, baseline: str = "law alone", forecast: str = "calibrated", measured: bool = True
) -> Drawing:
    """A forecast with its band over what was measured and another forecast; columns as of `measured.fit_curves`."""
    base = parts.over(frame, "step")
    names = [*(["measured"] if measured else []), baseline, forecast]

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title="loss (nats per token)", scale=parts.loss_scale(False))

    def valid(column: str) -> alt.Chart:
        chart: alt.Chart = base.transform_filter(f"isValid(datum.{column})").encode(y(column))
        return chart

    band = valid("loss_low").mark_area(opacity=0.2).encode(alt.Y2("loss_high:Q"))
    layers = [parts.layer_of(band, forecast, names)]
    tips = [("baseline", baseline, ".4f"), ("loss", forecast, ".4f")]
    if measured:
        line = valid("measured").mark_line(strokeWidth=1, opacity=0.5)
        layers.append(parts.layer_of(line, "measured", names))
        tips.insert(0, ("measured", "measured", ".4f"))
    dashed = valid("baseline").mark_line(strokeWidth=2, strokeDash=[6, 4])
    layers.append(parts.layer_of(dashed, baseline, names))
    layers.append(parts.layer_of(valid("loss").mark_line(strokeWidth=2.5), forecast, names))
    return parts.finish([*layers, parts.hover(base, tips, [alt.Tooltip("step:Q", format=",.0f")])], "Loss")


def fidelity_chart(frame: Source) -> Drawing:
    """Predicted against measured, log-log, with the line where they agree; columns name, kind, measured, predicted."""
    base = alt.Chart(frame)
    log = alt.Scale(type="log", nice=False, padding=8)
    axis = parts.decades()
    agree = base.mark_line(strokeDash=[6, 4], color=NEUTRAL).encode(alt.X("measured:Q"), alt.Y("measured:Q"))
    points = base.mark_circle(size=45, opacity=0.7).encode(
        alt.X("measured:Q", title="measured", scale=log, axis=axis),
        alt.Y("predicted:Q", title="predicted", scale=log, axis=axis),
        alt.Color("kind:N", title=None, legend=parts.legend(2, 130)),
        tooltip=[
            "name:N",
            "kind:N",
            alt.Tooltip("measured:Q", format=".4~g"),
            alt.Tooltip("predicted:Q", format=".4~g"),
        ],
    )
    return parts.finish([agree, points], "Predicted against measured")


def side_by_side(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Several jobs' frames as one, with a column "job"."""
    named = [frame.assign(job=name) for name, frame in frames.items()]
    return pd.concat(named, ignore_index=True) if named else pd.DataFrame({"job": [], "step": []})


def memory_parts(estimate: Estimate) -> pd.DataFrame:
    """The parts of an estimate's memory: part, gb, order, and in each row what the card has."""
    sizes = {
        "weights": estimate.weights_gb,
        "gradients": estimate.gradients_gb,
        "optimizer": estimate.optimizer_gb,
        "activations": estimate.activations_gb,
        "overhead": estimate.overhead_gb,
    }
    columns = {"part": list(sizes), "gb": list(sizes.values()), "order": range(len(sizes))}
    return pd.DataFrame(columns).assign(available_gb=estimate.memory_available_gb)


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

    Options are the function's, such as `spec("loss", x="tokens", log_scale=True, smoothed=True)`. Callers must
    not change the dictionary.
    """
    specification: dict[str, Any] = _CHARTS[name](alt.NamedData(name="points"), **options).to_dict()
    specification.pop("$schema", None)
    return specification


def streamed(name: str, frame: pd.DataFrame, **options: str | bool) -> dict[str, Any]:
    """`spec(name, **options)` with its points as an Arrow table of the columns that it draws."""
    drawn = _fields(name, **options)
    kept = frame[[column for column in frame.columns if column in drawn]]
    return {**spec(name, **options), "datasets": {"points": chart_data.table(kept)}}


@lru_cache(maxsize=256)
def _fields(name: str, **options: str | bool) -> frozenset[str]:
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
