"""What the charts share: axes, series colours, legends, and the rule that shows the nearest point's figures.

Every decision about a quantity is in the chart's own module.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import altair as alt
import pandas as pd

Axis = Literal["step", "tokens", "epoch", "time"]
AXES: tuple[Axis, ...] = ("step", "tokens", "epoch", "time")
Drawing: TypeAlias = alt.LayerChart
Source: TypeAlias = alt.NamedData | pd.DataFrame
Tip: TypeAlias = tuple[str, str, str]  # column, title, format

NEUTRAL = "#888888"  # legible on a light and on a dark background
FIELD: dict[str, str] = {"step": "step", "tokens": "tokens", "epoch": "epoch", "time": "elapsed_ms"}

# A time axis is in milliseconds, so that ticks fall on whole minutes, hours and days; labels count from zero.
_TIME_LABEL = (
    "datum.value < 1 ? '0' : datum.value < 60000 ? format(datum.value / 1000, '~r') + ' s' : "
    "datum.value < 3600000 ? format(datum.value / 60000, '.2~f') + ' min' : "
    "datum.value < 172800000 ? format(datum.value / 3600000, '.2~f') + ' h' : "
    "format(datum.value / 86400000, '.2~f') + ' d'"
)


def over(source: Source, x: Axis) -> alt.Chart:
    """A chart over steps, tokens, epochs or time (column elapsed_s; rows without a time are left out)."""
    chart = alt.Chart(source)
    if x == "time":
        chart = chart.transform_filter("isValid(datum.elapsed_s)")
        chart = chart.transform_calculate(elapsed_ms="datum.elapsed_s * 1000")
        axis = alt.Axis(labelExpr=_TIME_LABEL, tickCount=6, labelOverlap=True)
        return chart.encode(
            alt.X("elapsed_ms:T", title="time", scale=alt.Scale(type="utc", nice=False), axis=axis)
        )
    scale = alt.Scale(nice=False, zero=False)
    return chart.encode(alt.X(f"{x}:Q", title=x, scale=scale, axis=numbers(ticks=6)))


def numbers(ticks: int = 5, smallest_step: float = 0) -> alt.Axis:
    """An axis of numbers with a letter for thousands and millions, each tick by itself: "0", "2k"."""
    label = "abs(datum.value) < 1 ? format(datum.value, '~g') : format(datum.value, '~s')"
    return alt.Axis(labelExpr=label, labelOverlap=True, tickCount=ticks, tickMinStep=smallest_step)


def log_numbers() -> alt.Axis:
    """Ticks at 1, 2 and 5 of each power of ten, since a logarithmic axis has too many of its own."""
    values = [digit * 10.0**power for power in range(7) for digit in (1, 2, 5)]
    return alt.Axis(labelExpr="format(datum.value, '~s')", values=values, labelOverlap=True)


def decades() -> alt.Axis:
    """A logarithmic axis with labels and lines at 1, 2 and 5 of each decade, and between where it spans less."""
    lead = "datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9))"
    round_one = f"abs({lead} - round({lead})) > 0.01 || indexof([1, 2, 5], round({lead})) >= 0"
    label = "datum.value < 1 ? format(datum.value, '~g') : format(datum.value, '~s')"
    lines = {"condition": {"test": round_one, "value": 1}, "value": 0}
    return alt.Axis(
        labelExpr=f"{round_one} ? {label} : ''", labelOverlap=True, gridOpacity=lines, tickOpacity=lines
    )


def layer_of(base: alt.Chart, name: str, names: list[str]) -> alt.Chart:
    """`base` in the palette's colour of one of several named layers, with a legend."""
    color = alt.Color("layer:N", title=None, scale=alt.Scale(domain=names), legend=legend(len(names)))
    layer: alt.Chart = base.transform_calculate(layer=f"'{name}'").encode(color)
    return layer


def legend(
    columns: int, label_limit: int = 160, symbol: Literal["square", "stroke"] = "square"
) -> alt.Legend:
    """A legend above the drawing, where it never narrows it; `symbol` "stroke" where lines alone are drawn."""
    return alt.Legend(
        orient="top",
        columns=columns,
        labelLimit=label_limit,
        title=None,
        symbolOpacity=1,
        symbolType=symbol,
    )


def loss_scale(log_scale: bool) -> alt.Scale:
    """A scale for losses, which need not show zero: no loss comes near it."""
    return alt.Scale(type="log", zero=False, nice=False) if log_scale else alt.Scale(zero=False)


def training_position() -> list[alt.Tooltip]:
    """Where in a run a point is."""
    return [alt.Tooltip("step:Q", format=",.0f"), alt.Tooltip("epoch:Q", format=".2f")]


def step_alone() -> list[alt.Tooltip]:
    """The same for a small chart, which is sent at many ticks."""
    return [alt.Tooltip("step:Q", format=",.0f")]


def hover(base: alt.Chart, tips: list[Tip], position: list[alt.Tooltip]) -> alt.LayerChart:
    """A rule at the point nearest to the pointer, and that point's figures.

    The points themselves are drawn by nothing but what finds the nearest one; the rule is a single mark.
    """
    near = alt.selection_point(
        name="near", nearest=True, on="pointermove", clear="pointerout", encodings=["x"], empty=False
    )
    figures = [alt.Tooltip(f"{column}:Q", title=title, format=form) for column, title, form in tips]
    found = base.mark_point(opacity=0, size=1).encode(tooltip=[*position, *figures]).add_params(near)
    rule = base.transform_filter(near).mark_rule(color=NEUTRAL, opacity=0.6)
    return alt.LayerChart(layer=[found, rule])


def noisy_chart(source: Source, x: Axis, tip: Tip, title: str, smoothed: bool | None) -> Drawing:
    """A noisy training quantity, raw under smoothed (column "..._smoothed")."""
    column, words, form = tip
    smooth = has_smoothed(source, column, smoothed)
    base = over(source, x)
    y = alt.Y(f"{column}:Q", title=words, axis=numbers(), scale=alt.Scale(zero=False))
    layers = [raw_line(measured(base, column), smooth).encode(y)]
    tips = [tip]
    if smooth:
        line = measured(base, f"{column}_smoothed").mark_line(strokeWidth=2.5)
        layers.append(line.encode(alt.Y(f"{column}_smoothed:Q", title=words)))
        tips.append((f"{column}_smoothed", "smoothed", form))
    return finish([*layers, hover(base, tips, step_alone())], title)


def has_smoothed(source: Source, column: str, wanted: bool | None) -> bool:
    """Whether to draw a smoothed line: as wanted, else where the frame has one; a named dataset has."""
    if wanted is not None:
        return wanted
    return not isinstance(source, pd.DataFrame) or f"{column}_smoothed" in source


def measured(base: alt.Chart, column: str) -> alt.Chart:
    """`base` where a column has a number, so that rows without one do not tear its line."""
    there: alt.Chart = base.transform_filter(f"isValid(datum['{column}']) && isFinite(datum['{column}'])")
    return there


def raw_line(base: alt.Chart, under_smoothed: bool) -> alt.Chart:
    """The line of raw points, faint where a smoothed one lies over it."""
    line: alt.Chart = base.mark_line(
        strokeWidth=1 if under_smoothed else 1.5, opacity=0.35 if under_smoothed else 1.0
    )
    return line


def served_chart(source: Source, tip: Tip, title: str, *, stairs: bool = False) -> Drawing:
    """One quantity of a deployment over time."""
    column, words, _ = tip
    base = over(source, "time")
    area = base.mark_area(
        opacity=0.35, line={"strokeWidth": 2}, interpolate="step-after" if stairs else "linear"
    ).encode(alt.Y(f"{column}:Q", title=words, axis=numbers(smallest_step=1 if stairs else 0)))
    return finish([area, hover(base, [tip], serving_position())], title)


def served_lines_chart(
    source: Source, names: dict[str, str], words: str, title: str, *, log_scale: bool = False
) -> Drawing:
    """Several columns of a deployment over time, under their labels."""
    base = over(source, "time")
    scale = alt.Scale(type="log", nice=False) if log_scale else alt.Scale(zero=True)
    axis = log_numbers() if log_scale else numbers(smallest_step=1)
    lines = (
        folded(base, names)
        .mark_line(strokeWidth=1.5)
        .encode(
            alt.Y("value:Q", title=words, axis=axis, scale=scale),
            alt.Color(
                "label:N",
                title=None,
                scale=alt.Scale(domain=[*names.values()]),
                legend=legend(len(names), symbol="stroke") if len(names) > 1 else None,
            ),
        )
    )
    tips = [(column, label, ",.4~g") for column, label in names.items()]
    return finish([lines, hover(base, tips, serving_position())], title)


def folded(base: alt.Chart, names: Mapping[str, str]) -> alt.Chart:
    """Columns as rows: "value" and, in words, "label"."""
    table = ", ".join(f"'{column}': '{label}'" for column, label in names.items())
    return base.transform_fold(list(names), as_=["column", "value"]).transform_calculate(
        label=f"({{{table}}})[datum.column]"
    )


def serving_position() -> list[alt.Tooltip]:
    """When a tick of a deployment was."""
    return [alt.Tooltip("elapsed_s:Q", title="second", format=",.0f")]


def finish(layers: Sequence[alt.Chart | alt.LayerChart], title: str) -> Drawing:
    """The layers under one title, as wide as their place, with little air around, since cards are small.

    Drawn on a canvas, without a description of each mark for screen readers: the page names the chart and has its
    table, and thousands of marks as elements of a page took a browser seconds to draw.
    """
    drawing: Drawing = (
        alt.LayerChart(layer=layers)
        .properties(title=alt.TitleParams(title, anchor="start", offset=6), width="container", height=220)
        .properties(padding={"left": 4, "right": 8, "top": 4, "bottom": 4})
        .configure_axis(titlePadding=6, labelPadding=4)
        .configure_legend(padding=0, offset=6, columnPadding=12)
        .configure_mark(aria=False)
    )
    drawing.usermeta = {"embedOptions": {"renderer": "canvas"}}
    return drawing


def counting(specification: dict[str, Any], counts: str) -> dict[str, Any]:
    """A chart in which the column of steps is called what it counts, and no tip says that twice."""
    if counts == "step":
        return specification
    return {name: _recalled(inner, counts) for name, inner in specification.items()}


def _recalled(part: object, counts: str) -> object:
    if isinstance(part, dict):
        named = {key: _recalled(inner, counts) for key, inner in part.items()}
        return {**named, "title": counts} if part.get("field") == "step" and "type" in part else named
    if isinstance(part, list):
        kept = [
            each for each in part if not (isinstance(each, dict) and each.get("field") == counts == "epoch")
        ]
        return [_recalled(each, counts) for each in kept]
    return part
