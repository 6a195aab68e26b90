"""Charts of one run: loss, learning rate, gradient norm, throughput, memory."""

import altair as alt
import pandas as pd

from vapor_core.charts import parts
from vapor_core.charts.parts import Axis, Drawing, Source

_RATE_LABEL = "datum.value ? format(datum.value, '~e') : '0'"


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
