"""Several jobs drawn over each other, with what differs in their configurations and the best of each."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from vapor_core import text
from vapor_core.charts import comparison, stream
from vapor_core.charts.parts import Axis
from vapor_core.contracts.columns import EVAL_SET, eval_sets
from vapor_core.contracts.workspace import Job, counted
from vapor_core.workspace.store import Store
from vapor_ui.parts import cards, links, listing
from vapor_ui.shell import address

ICON = ":material/compare_arrows:"
MOST = 8  # jobs: as many as the palette tells apart
COMPARED, QUANTITY = "compared", "quantity"  # widgets' keys

EVERY_SET = "eval loss of every set"
SETS = "eval loss of "  # and the set's name
# Words on screen -> column, and whether a smoothed form of it is drawn.
QUANTITIES = {
    "train loss": ("loss", True),
    "eval loss": ("eval_loss", False),
    "learning rate": ("learning_rate", False),
    "gradient norm": ("grad_norm", True),
    "throughput": ("tokens_per_second", True),
    "memory": ("memory_gb", False),
    "cost": ("cost_usd", False),
}


@dataclass(frozen=True, slots=True)
class View:
    """Which jobs are compared, and how."""

    job_ids: tuple[str, ...]
    quantity: str
    x: Axis
    smoothing: float
    log_scale: bool


def chosen_jobs(store: Store) -> list[Job]:
    """The jobs that the address names, kept there as the person changes them."""
    jobs = {job.id: job for job in listing.newest_first(store.jobs())}
    asked = address.parameters(address.PARAMETERS["comparison"])
    unknown = [name for name in asked if name not in jobs]
    if unknown:
        st.warning(
            f"This workspace has no job {text.plain(', '.join(unknown), 200)}.", icon=":material/search_off:"
        )
    if COMPARED not in st.session_state:
        st.session_state[COMPARED] = [name for name in asked if name in jobs][:MOST]
    chosen = st.multiselect(
        "Jobs",
        list(jobs),
        key=COMPARED,
        format_func=lambda key: listing.job_label(jobs[key]),
        max_selections=MOST,
        placeholder="Choose jobs to compare",
    )
    if tuple(chosen) != asked:
        st.query_params.from_dict({**st.query_params.to_dict(), "jobs": ",".join(chosen)} if chosen else {})
    return [jobs[name] for name in chosen]


def choose(job_ids: list[str]) -> None:
    """Choose jobs from elsewhere, also where others were chosen before; for callbacks."""
    st.session_state[COMPARED] = job_ids[:MOST]


def quantity(store: Store, jobs: list[Job]) -> str:
    """What is compared, by the words on screen; kept in the address. Each further evaluation set is a quantity too."""
    sets = dict.fromkeys(name for job in jobs for name in eval_sets(store.metrics(job.id).columns))
    further = [EVERY_SET, *(SETS + name.removeprefix(EVAL_SET) for name in sets)] if sets else []
    return st.selectbox("Quantity", [*QUANTITIES, *further], key=QUANTITY, bind="query-params", width=220)


def nothing_yet() -> None:
    """How to come by jobs to compare."""
    cards.empty_state(
        ICON,
        "Nothing to compare yet",
        "Train the same model twice with one thing changed, and see here what the change did.",
        action="Start new training",
        page=links.TRAIN,
    )


def none_chosen() -> None:
    """What to do first."""
    st.info("Choose two or more jobs above to see their curves over each other.", icon=ICON)


def draw(store: Store, view: View) -> None:
    """The chart and the best values; both change while a job runs."""
    jobs = [store.job(job_id) for job_id in view.job_ids]
    every = view.quantity == EVERY_SET
    column, noisy = QUANTITIES.get(view.quantity, (EVAL_SET + view.quantity.removeprefix(SETS), False))
    column = "eval_loss" if every else column
    smoothed = noisy and view.smoothing > 0
    drawn = f"{column}_smoothed" if smoothed else column
    names = labels(jobs)
    frames = {
        names[job.id]: store.metrics(job.id).frame(
            max_points=stream.SAMPLES // 2, smoothing=view.smoothing if smoothed else 0.0
        )
        for job in jobs
    }
    lines = _each_set(frames) if every else frames
    points = comparison.side_by_side({name: points for name, points in lines.items() if not points.empty})
    if drawn in points and points[drawn].notna().any():
        options: dict[str, str | bool] = {"column": drawn, "x": view.x, "counts": counted(jobs)}
        options["log_scale"] = view.log_scale
        drawing = stream.streamed("compare", points, **options)
        cards.chart_card(drawing, alt=f"{view.quantity} of {', '.join(frames)}", height=380)
    else:
        st.caption(f"None of these jobs has a point of {view.quantity} yet.")
    st.subheader("Best values", anchor=False)
    st.dataframe(best_values(jobs, frames), hide_index=True)


def _each_set(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Each job's losses on each of its evaluation sets, as a line of its own."""
    lines: dict[str, pd.DataFrame] = {}
    for name, points in frames.items():
        sets = eval_sets(points.columns)
        lines[f"{name}, eval" if sets else name] = points
        for column in sets:
            own = points.assign(eval_loss=points[column])
            lines[f"{name}, {column.removeprefix(EVAL_SET)}"] = own[own["eval_loss"].notna()]
    return {name: points for name, points in lines.items() if "eval_loss" in points}


def labels(jobs: list[Job]) -> dict[str, str]:
    """A name for each job by id, namesakes told apart by their ids."""
    names = [job.name for job in jobs]
    return {job.id: job.name if names.count(job.name) == 1 else f"{job.name} ({job.id})" for job in jobs}


def best_values(jobs: list[Job], frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a job: status, lowest losses, and what it took."""
    rows = []
    for job, (name, points) in zip(jobs, frames.items(), strict=True):
        evaluated = points["eval_loss"].dropna() if "eval_loss" in points else pd.Series(dtype=float)
        at = int(points["step"].to_numpy()[points["eval_loss"].argmin()]) if not evaluated.empty else None
        rows.append(
            {
                "job": name,
                "status": job.status,
                "progress": text.eta(job),
                "best eval loss": text.loss(float(evaluated.min()) if at is not None else None),
                "at": text.MISSING if at is None else f"{job.counts} {text.whole(at)}",
                "last eval loss": text.loss(float(evaluated.iloc[-1]) if at is not None else None),
                "time": text.duration(job.elapsed_s if job.elapsed_s or not cards.is_log(job) else None),
                "cost": text.money(None if cards.is_log(job) else job.cost_usd),
            }
        )
    return pd.DataFrame(rows)


def differences(jobs: list[Job]) -> None:
    """Only the fields in which the configurations differ."""
    st.subheader("What differs", anchor=False)
    if len(jobs) < 2:
        st.caption("Choose another job to see what differs.")
        return
    if any(cards.is_log(job) for job in jobs):
        st.caption("Logs do not tell their configurations; they are left out here.")
    differing = differing_fields(jobs)
    if not differing.empty:
        st.dataframe(differing, hide_index=True)
    elif sum(not cards.is_log(job) for job in jobs) > 1:
        st.caption("Their configurations are the same but for the name.")


def differing_fields(jobs: list[Job]) -> pd.DataFrame:
    """One row a field in which the configurations differ, one column a job; logs have none."""
    names = labels(jobs)
    table = pd.DataFrame({names[job.id]: _fields(job) for job in jobs if not cards.is_log(job)})
    return table[table.nunique(axis=1) > 1].rename_axis("field").reset_index()


def _fields(job: Job) -> dict[str, str]:
    values = job.config.model_dump(exclude={"name"})
    return {field: str(value["id"] if isinstance(value, dict) else value) for field, value in values.items()}
