"""*Export*: a job or a comparison as files to keep. Each is made when it is asked for."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from vapor_core import text
from vapor_core.advice.estimate import estimate
from vapor_core.contracts.training import JobConfig
from vapor_core.contracts.workspace import Job
from vapor_core.errors import VaporError
from vapor_core.exports import configurations, tables
from vapor_core.exports.launch_script import launch_script
from vapor_core.trainers.writing import Trainer, write_config
from vapor_core.workspace.store import Store
from vapor_ui.monitor import comparison

MOST_ROWS = 1_000_000  # of a table
REPORT_POINTS = 1000
TABLES: tuple[tuple[str, str, str, Callable[[pd.DataFrame], bytes]], ...] = (
    ("CSV", "csv", "text/csv", tables.csv_table),
    ("Parquet", "parquet", "application/vnd.apache.parquet", tables.parquet_table),
    ("JSON", "json", "application/json", tables.json_table),
)
CONFIGURATIONS: tuple[tuple[str, str, str, Callable[[JobConfig], str]], ...] = (
    ("YAML", "yaml", "text/plain", configurations.config_yaml),
    ("JSON", "config.json", "application/json", configurations.config_json),
    ("Launch script", "py", "text/x-python", launch_script),
)
TRAINERS: dict[Trainer, str] = {
    "trl": "TRL",
    "axolotl": "axolotl",
    "llama_factory": "LLaMA-Factory",
    "torchtune": "torchtune",
}


def job_popover(store: Store, job: Job) -> None:
    """A job's metrics, configuration, launch script and report."""
    with st.popover("Export", icon=":material/download:"):
        name = _file_name(job)
        st.caption("Metrics, every step so far")
        _tables(name, lambda: _metrics(store, job))
        if store.abilities(job.id).has_config:
            st.caption("Configuration")
            _configurations(name, job.config)
            st.caption("Configuration for a trainer; *Load* on Train reads it back")
            _for_trainers(name, job.config)
        st.caption("One page that opens anywhere, charts included")
        _button("Report", f"{name}.html", "text/html", lambda: _job_report(store, job))


def comparison_popover(store: Store, jobs: list[Job]) -> None:
    """The metrics of several jobs in one table, and their report."""
    with st.popover("Export", icon=":material/download:"):
        st.caption("Metrics of all of them, every step so far")
        _tables("comparison", lambda: _side_by_side(store, jobs))
        st.caption("One page that opens anywhere, charts included")
        _button("Report", "comparison.html", "text/html", lambda: _comparison_report(store, jobs))


def _configurations(name: str, config: JobConfig) -> None:
    with st.container(horizontal=True, gap="small"):
        for label, ending, mime, write in CONFIGURATIONS:
            _button(label, f"{name}.{ending}", mime, partial(write, config))


def _for_trainers(name: str, config: JobConfig) -> None:
    """A file for each trainer, and what that trainer has no words for; the file says it too."""
    with st.container(horizontal=True, gap="small"):
        for trainer, label in TRAINERS.items():
            _button(label, f"{name}.{trainer}.yaml", "text/plain", partial(write_config, config, trainer))
    for trainer, label in TRAINERS.items():
        for note in write_config(config, trainer).notes:
            st.caption(f":material/info: {label}: {text.plain(note, 400)}")


def _tables(name: str, frame: Callable[[], pd.DataFrame]) -> None:
    with st.container(horizontal=True, gap="small"):
        for label, ending, mime, write in TABLES:
            _button(label, f"{name}.{ending}", mime, partial(_written, write, frame))


def _written(write: Callable[[pd.DataFrame], bytes], frame: Callable[[], pd.DataFrame]) -> bytes:
    return write(frame())


def _button(label: str, file_name: str, mime: str, content: Callable[[], str | bytes]) -> None:
    st.download_button(
        label,
        data=lambda: _told(content),
        file_name=file_name,
        mime=mime,
        key=f"export_{file_name}",
        on_click="ignore",
    )


def _told(content: Callable[[], str | bytes]) -> str | bytes:
    """A file in any case: where it cannot be made, one that says why."""
    try:
        return content()
    except VaporError as error:
        return f"This could not be exported: {error}\n"


def _side_by_side(store: Store, jobs: list[Job]) -> pd.DataFrame:
    names = comparison.labels(jobs)
    frames = [
        store.metrics(job.id).frame(max_points=MOST_ROWS).assign(job=names[job.id], job_id=job.id)
        for job in jobs
    ]
    if any(job.counts != "step" for job in jobs):
        frames = [frame.assign(step_is=job.counts) for job, frame in zip(jobs, frames, strict=True)]
    return pd.concat(frames, ignore_index=True)


def _metrics(store: Store, job: Job) -> pd.DataFrame:
    """A job's points, its column of steps called what it counts."""
    frame = store.metrics(job.id).frame(max_points=MOST_ROWS)
    if job.counts == "epoch":
        frame = frame.drop(columns="epoch")
    return frame.set_axis([job.counts if name == "step" else name for name in frame.columns], axis="columns")


def _job_report(store: Store, job: Job) -> str:
    from vapor_core.exports import report  # noqa: PLC0415 - its renderer takes a second to load

    points = store.metrics(job.id).frame(max_points=REPORT_POINTS, smoothing=0.9)
    asked = estimate(job.config) if store.abilities(job.id).has_config else None
    return report.job_report(job, points, asked, store.events(job.id))


def _comparison_report(store: Store, jobs: list[Job]) -> str:
    from vapor_core.exports import report  # noqa: PLC0415 - its renderer takes a second to load

    frames = {job.id: store.metrics(job.id).frame(max_points=REPORT_POINTS, smoothing=0.9) for job in jobs}
    return report.comparison_report(jobs, frames, comparison.differing_fields(jobs))


def _file_name(job: Job) -> str:
    """Letters and digits alone: no path, whatever the job is called."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in job.name)
    return "-".join(part for part in letters.split("-") if part)[:60] or job.id
