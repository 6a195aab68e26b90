"""The recent course of a figure as a small picture without axes.

A picture costs a browser next to nothing. A Vega chart of forty points made it load twenty files and work for longer
than all the rest of a list of jobs.
"""

from collections.abc import Sequence

import streamlit as st

WIDTH, HEIGHT = 240, 56  # of the picture's own units, pixels where it is drawn as it is
EDGE = 2  # left free above and below, so that the line is not cut off


def sparkline(values: Sequence[float], *, alt: str) -> None:
    """Draw at least two finite numbers. `alt` says in words what they are."""
    st.image(picture(values, _color()), width="stretch", alt=alt)


def picture(values: Sequence[float], color: str) -> str:
    """An SVG as wide as its place: a line from edge to edge, lowest value at the bottom, and the area below it."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = WIDTH / (len(values) - 1)
    inner = HEIGHT - 2 * EDGE
    points = [
        f"{at * step:.1f},{EDGE + inner * (1 - (value - low) / span):.1f}" for at, value in enumerate(values)
    ]
    line = " ".join(points)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'preserveAspectRatio="none">'
        f'<polygon points="0,{HEIGHT} {line} {WIDTH},{HEIGHT}" fill="{color}" fill-opacity="0.3"/>'
        f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2" vector-effect="non-scaling-stroke"/>'
        "</svg>"
    )


def _color() -> str:
    """The first colour of charts in the theme that the browser shows."""
    theme = st.context.theme.type or "light"
    return str(st.get_option(f"theme.{theme}.chartCategoricalColors")[0])
