"""Charts of what has not been run: memory by its parts, cost against loss, forecasts, errors of the laws."""

import altair as alt
import pandas as pd

from vapor_core.charts import parts
from vapor_core.charts.parts import NEUTRAL, Drawing, Source
from vapor_core.contracts.estimates import Estimate


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
    """A forecast with its band over what was measured and another forecast.

    Columns as `calibration.comparison.fit_curves` gives them.
    """
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
