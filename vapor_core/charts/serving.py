"""Charts of one endpoint: requests, latency, errors, replicas."""

import altair as alt

from vapor_core.charts import parts
from vapor_core.charts.parts import Drawing, Source
from vapor_core.contracts.columns import TICK_S


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
