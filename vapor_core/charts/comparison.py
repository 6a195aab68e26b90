"""One quantity of several runs over each other."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from vapor_core.charts import parts
from vapor_core.charts.parts import Axis, Drawing, Source
from vapor_core.contracts.columns import EVAL_SET

# The quantities that compare_chart takes: column -> words on the axis.
COMPARED: dict[str, str] = {
    "loss": "train loss",
    "loss_smoothed": "train loss",
    "eval_loss": "eval loss",
    "learning_rate": "learning rate",
    "grad_norm": "gradient norm",
    "grad_norm_smoothed": "gradient norm",
    "tokens_per_second": "tokens per second",
    "tokens_per_second_smoothed": "tokens per second",
    "memory_gb": "memory (GB)",
    "cost_usd": "cost (US$)",
}


def compare_chart(
    frame: Source | Mapping[str, pd.DataFrame],
    column: str = "loss",
    x: Axis = "step",
    log_scale: bool = False,
) -> Drawing:
    """One column of several jobs over each other.

    Args:
        frame: frames by the jobs' names, or `side_by_side` of them.
        column: of COMPARED, or of a further evaluation set.
        x: what the axis counts.
        log_scale: of losses.
    """
    source = side_by_side(frame) if isinstance(frame, Mapping) else frame
    base = parts.over(source, x).transform_filter(f"isValid(datum['{column}'])")
    words = COMPARED.get(column) or f"eval loss, {column.removeprefix(EVAL_SET)}"
    scale = parts.loss_scale(log_scale) if "loss" in column else alt.Scale(zero=False)
    y = alt.Y(f"{column}:Q", title=words, scale=scale, axis=parts.numbers())
    hue = alt.Color("job:N", title=None, legend=parts.legend(1, 230), sort=None)
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


def side_by_side(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Several jobs' frames as one, with a column "job"."""
    named = [frame.assign(job=name) for name, frame in frames.items()]
    return pd.concat(named, ignore_index=True) if named else pd.DataFrame({"job": [], "step": []})
