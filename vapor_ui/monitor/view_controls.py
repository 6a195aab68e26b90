"""How curves are looked at: over what, how smooth, on which scale.

All of it stands in the address, so that a link shows the same.
"""

import streamlit as st

from vapor_core.charts.parts import AXES, Axis

DEFAULT_SMOOTHING, MOST_SMOOTHING = 0.9, 0.99


def controls() -> tuple[Axis, float, bool]:
    """The axis, the weight of earlier points, and whether the scale is logarithmic."""
    x = st.segmented_control("Over", AXES, key="x", default="step", required=True, bind="query-params")
    smoothing = st.slider(
        "Smoothing", 0.0, MOST_SMOOTHING, DEFAULT_SMOOTHING, key="smoothing", bind="query-params", width=220
    )
    log_scale = st.toggle("Log scale", key="log", bind="query-params")
    return x if x in AXES else "step", smoothing, log_scale  # an address that says "x=" chooses nothing
