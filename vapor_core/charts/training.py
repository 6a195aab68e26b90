"""Charts of one run: loss, learning rate, gradient norm, throughput, memory."""

import altair as alt
import pandas as pd

from vapor_core.charts import parts
from vapor_core.charts.parts import Axis, Drawing, Source
from vapor_core.contracts.columns import eval_sets

_RATE_LABEL = "datum.value ? format(datum.value, '~e') : '0'"


def loss_chart(
    frame: Source,
    x: Axis = "step",
    log_scale: bool = False,
    smoothed: bool | None = None,
    sets: str = "",
    *,
    band: bool | None = None,
) -> Drawing:
    """Train loss, raw under smoothed, and the loss on each evaluation set.

    Args:
        frame: columns step, loss and eval_loss at least.
        x: what the axis counts.
        log_scale: of the losses.
        smoothed: whether the smoothed line is drawn; None is whether the frame has it.
        sets: columns of further evaluation sets (`contracts.columns.eval_sets`), with blanks between; those of a
            frame are found in it.
        band: whether the range that was rehearsed (columns rehearsed_low, rehearsed_high) is drawn behind; None is
            whether the frame has it.
    """
    ranged = (
        "rehearsed_low" in frame.columns if band is None and isinstance(frame, pd.DataFrame) else bool(band)
    )
    smooth = parts.has_smoothed(frame, "loss", smoothed)
    further = eval_sets(frame.columns) if isinstance(frame, pd.DataFrame) else tuple(sets.split())
    base = parts.over(frame, x)
    scale = parts.loss_scale(log_scale)
    evaluated = {"eval_loss": "eval"} | {column: f"eval {column.partition('/')[2]}" for column in further}
    names = ["train", *evaluated.values(), *(["rehearsed"] if ranged else [])]
    words = "nats per token"
    y = alt.Y("loss:Q", title=words, scale=scale)
    raw = parts.raw_line(parts.measured(base, "loss"), smooth)
    layers = [parts.layer_of(raw, "train", names).encode(y)]
    if ranged:
        low = alt.Y("rehearsed_low:Q", title=words, scale=scale)
        area = parts.measured(base, "rehearsed_low").mark_area(opacity=0.15)
        layers.insert(0, parts.layer_of(area.encode(low, alt.Y2("rehearsed_high:Q")), "rehearsed", names))
    tips = [("loss", "train", ".4f")]
    if smooth:
        smoothed_y = alt.Y("loss_smoothed:Q", title=words, scale=scale)
        line = parts.measured(base, "loss_smoothed").mark_line(strokeWidth=2.5).encode(smoothed_y)
        layers.append(parts.layer_of(line, "train", names))
        tips.append(("loss_smoothed", "smoothed", ".4f"))
    for column, name in evaluated.items():
        eval_y = alt.Y(f"{column}:Q", title=words, scale=scale)
        line = parts.measured(base, column).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=28))
        layers.append(parts.layer_of(line.encode(eval_y), name, names))
        tips.append((column, name, ".4f"))
    return parts.finish([*layers, parts.hover(base, tips, parts.training_position())], "Loss")


def learning_rate_chart(frame: Source, x: Axis = "step") -> Drawing:
    """Learning rate: warm-up and schedule."""
    base = parts.over(frame, x)
    y = alt.Y("learning_rate:Q", title="rate", axis=alt.Axis(labelExpr=_RATE_LABEL))
    tips = [("learning_rate", "rate", ".3~e")]
    layers = [base.mark_line(strokeWidth=2).encode(y), parts.hover(base, tips, parts.step_alone())]
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
    return parts.finish([*layers, parts.hover(base, tips, parts.step_alone())], "Memory per accelerator")
