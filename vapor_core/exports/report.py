"""A job or a comparison as one HTML file that opens offline: its figures, its charts, its configuration.

Charts are drawn into the file as SVG; it holds no script, loads nothing, and its policy forbids both.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import altair as alt
import pandas as pd
import vl_convert as vlc

from vapor_core import text
from vapor_core.charts import comparison, planning, training
from vapor_core.charts.parts import counting
from vapor_core.contracts.estimates import Estimate
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.workspace import Job, counted
from vapor_core.exports.configurations import config_yaml

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;"
    "background:#fff}h1{margin-bottom:0}table{border-collapse:collapse;margin:1rem 0}td,th{text-align:left;"
    "padding:.25rem 1rem .25rem 0;border-bottom:1px solid #ddd;vertical-align:top}svg{max-width:100%;height:auto}"
    "figure{margin:1.5rem 0}pre{background:#f5f6f8;padding:1rem;overflow:auto}.quiet{color:#59636e}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_CHART_SIZE = {"width": 760, "height": 260}


def job_report(
    job: Job, frame: pd.DataFrame, estimate: Estimate | None = None, events: Iterable[LifeEvent] = ()
) -> str:
    """One job: what it was to do, what it did, and how it was set. `frame` has the columns of a job's metrics."""
    parts = [
        _heading(job.name or job.id, f"{job.status} · {text.percent(job.progress)}"),
        _facts(_figures(job, frame)),
    ]
    if job.failure:
        parts.append(f"<p><strong>{escape(job.failure.sentence)}</strong></p>")
    if len(frame):
        parts += [
            _figure("Loss", training.loss_chart(frame), job.counts),
            _figure("Learning rate", training.learning_rate_chart(frame), job.counts),
            _figure("Gradient norm", training.grad_norm_chart(frame), job.counts),
            _figure("Throughput", training.throughput_chart(frame), job.counts),
        ]
    if estimate is not None:
        parts += [
            _figure("Memory", planning.memory_breakdown_chart(estimate)),
            _list("Assumptions", estimate.assumptions),
        ]
    happened = [f"{text.duration(event.at_s)}: {event.sentence}" for event in events]
    parts.append(_list("What happened", happened))
    if not _is_log(job):
        parts.append(f"<h2>Configuration</h2><pre>{escape(config_yaml(job.config))}</pre>")
    return _page(job.name or job.id, parts)


def comparison_report(
    jobs: Sequence[Job], frames: Mapping[str, pd.DataFrame], differences: pd.DataFrame
) -> str:
    """Several jobs over each other. `frames` by job id; `differences` has the settings that differ, a row each."""
    names = {job.id: job.name or job.id for job in jobs}
    shown = {f"{names[key]} ({key})": frame for key, frame in frames.items() if len(frame)}
    parts = [_heading("Comparison", f"{len(jobs)} jobs")]
    if shown:
        parts.append(_figure("Loss", comparison.compare_chart(shown), counted(jobs)))
    parts.append("<h2>What differs</h2>" + _table(differences))
    for job in jobs:
        figures = _figures(job, frames.get(job.id, pd.DataFrame()))
        parts.append(f"<h2>{escape(names[job.id])}</h2>" + _facts(figures))
    return _page("Comparison", parts)


def _figures(job: Job, frame: pd.DataFrame) -> dict[str, str]:
    figures = {"Run": "a log of a run that was made elsewhere"} if _is_log(job) else _as_set(job)
    figures[f"{job.counts.capitalize()}s"] = f"{job.step:,} of {job.total_steps:,}"
    if job.elapsed_s or not _is_log(job):
        figures["Time"] = text.duration(job.elapsed_s)
    if not _is_log(job):
        figures["Cost"] = text.money(job.cost_usd)
    for column, title in (("loss", "Last loss"), ("eval_loss", "Last eval loss")):
        known = frame[column].dropna() if column in frame else pd.Series(dtype=float)
        if len(known):
            figures[title] = text.loss(float(known.iloc[-1]))
    return figures


def _is_log(job: Job) -> bool:
    """Whether it is an imported log, which tells neither configuration nor cost."""
    return job.config.backend == "imported"


def _as_set(job: Job) -> dict[str, str]:
    model = job.config.model if isinstance(job.config.model, str) else job.config.model.id
    data = job.config.dataset if isinstance(job.config.dataset, str) else job.config.dataset.id
    card = job.config.accelerator if isinstance(job.config.accelerator, str) else job.config.accelerator.id
    return {
        "Model": model,
        "Data": data,
        "Method": job.config.method,
        "Accelerators": f"{job.config.accelerator_count} x {card}",
    }


def _heading(title: str, below: str) -> str:
    return f'<h1>{escape(title)}</h1><p class="quiet">{escape(below)}</p>'


def _facts(figures: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in figures.items()
    )
    return f"<table>{rows}</table>"


def _table(frame: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(column))}</th>" for column in frame.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _list(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{escape(title)}</h2><ul>{items}</ul>" if items else ""


def _figure(title: str, chart: alt.LayerChart | alt.Chart, counts: str = "step") -> str:
    """A chart; `counts` is what its column of steps counts."""
    svg = vlc.vegalite_to_svg(counting(chart.properties(**_CHART_SIZE).to_dict(), counts))
    return f"<figure><h2>{escape(title)}</h2>{svg}</figure>"


def _page(title: str, parts: Iterable[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}<p class='quiet'>Rehearsed with Vapor.</p></body></html>"
    )
