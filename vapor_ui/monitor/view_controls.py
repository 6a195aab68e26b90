"""How curves are looked at: over what, how smooth, on which scale.

All of it stands in the address, so that a link shows the same.
"""

import streamlit as st

from vapor_core.charts.parts import AXES, Axis
from vapor_ui.parts import addressed

DEFAULT_SMOOTHING, MOST_SMOOTHING = 0.9, 0.99


def controls(counts: str = "step") -> tuple[Axis, float, bool]:
    """The axis, the weight of earlier points, and whether the scale is logarithmic.

    Args:
        counts: what the column of steps counts, in words.
    """
    x = addressed.choice(
        "Over",
        AXES if counts != "epoch" else [axis for axis in AXES if axis != "epoch"],
        key="x",
        default="step",
        shown=lambda axis: counts if axis == "step" else axis,
    )
    smoothing = st.slider(
        "Smoothing", 0.0, MOST_SMOOTHING, DEFAULT_SMOOTHING, key="smoothing", bind="query-params", width=220
    )
    log_scale = st.toggle("Log scale", key="log", bind="query-params")
    return x, smoothing, log_scale
