"""How each quantity is drawn: one chart a quantity, from a frame of metrics to Altair. No Streamlit.

`loss_chart(frame)` and its neighbours are for notebooks; `spec` and `streamed` (`stream`) are for screens. Colours come
from the theme's palette.

comparison: One quantity of several runs over each other.
parts: What the charts share: axes, series colours, legends, and the rule that shows the nearest point's
    figures.
planning: Charts of what has not been run: memory by its parts, cost against loss, forecasts, errors of the
    laws.
serving: Charts of one endpoint: requests, latency, errors, replicas.
stream: Charts as a browser gets them: a specification built once, and its points as an Arrow table of small
    numbers.
thinning: Fewer points for a small chart, none of its extremes lost, so that a browser draws many charts at
    once.
training: Charts of one run: loss, learning rate, gradient norm, throughput, memory.
"""

from vapor_core.charts.comparison import COMPARED, compare_chart, side_by_side
from vapor_core.charts.parts import AXES, Axis, Drawing, Source
from vapor_core.charts.planning import (
    cost_front_chart,
    fidelity_chart,
    forecast_chart,
    memory_breakdown_chart,
    memory_parts,
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
from vapor_core.charts.stream import SAMPLES, looks_new, spec, streamed
from vapor_core.charts.training import (
    grad_norm_chart,
    learning_rate_chart,
    loss_chart,
    memory_chart,
    throughput_chart,
)
from vapor_core.contracts.columns import TICK_S

__all__ = [
    "AXES",
    "COMPARED",
    "SAMPLES",
    "TICK_S",
    "Axis",
    "Drawing",
    "Source",
    "compare_chart",
    "cost_front_chart",
    "errors_chart",
    "fidelity_chart",
    "forecast_chart",
    "grad_norm_chart",
    "latency_chart",
    "learning_rate_chart",
    "looks_new",
    "loss_chart",
    "memory_breakdown_chart",
    "memory_chart",
    "memory_parts",
    "queue_chart",
    "replicas_chart",
    "request_rate_chart",
    "side_by_side",
    "spec",
    "streamed",
    "throughput_chart",
    "tpot_chart",
    "traffic_chart",
    "ttft_chart",
]
