"""What a person can do about one job: pause, resume, stop, deploy, clone, rename, delete, and take a cure."""

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.serving import ServingConfig, ServingEstimate, ServingPrecision, Traffic
from vapor_core.contracts.training import JobConfig
from vapor_core.contracts.workspace import Job
from vapor_core.errors import VaporError
from vapor_core.physics.serving.load import estimate_serving
from vapor_ui.form import form_values
from vapor_ui.shell import session

Changes: TypeAlias = Mapping[str, str | int | float | bool]

MOST_REPLICAS = 16


def bar(job: Job) -> None:
    """The buttons that its status allows."""
    if session.read_only():
        return
    store, imported = session.store(), job.config.backend == "imported"
    with st.container(horizontal=True, gap="small"):
        if job.status in ("running", "initializing"):
            _button("Pause", ":material/pause:", store.pause, job)
        if job.status == "paused":
            _button("Resume", ":material/play_arrow:", store.resume, job, primary=True)
        may_stop = job.live or job.status in ("paused", "lost")
        if may_stop and st.button("Stop", icon=":material/stop:"):
            _stop_dialog(job)
        done = job.status == "completed" and not imported
        if done and st.button("Deploy", icon=":material/rocket_launch:", type="primary"):
            deploy_dialog(job)
        clone_help = "Open the form with this configuration"
        if not imported and st.button("Clone", icon=":material/content_copy:", help=clone_help):
            to_form(job, {})
        with st.popover("More", icon=":material/more_horiz:"):
            _more(job)


def offer_cure(job: Job, changes: Changes) -> None:
    """One click that relaunches with the change that cures, and one that opens the form with it."""
    if not changes or session.read_only():
        return
    with st.container(horizontal=True, gap="small"):
        words = ", ".join(f"{name} = {value}" for name, value in changes.items())
        if st.button("Relaunch with this change", type="primary", icon=":material/restart_alt:", help=words):
            _relaunch(job, changes)
        if st.button("Open the form with it", icon=":material/edit:", help=words):
            to_form(job, changes)


def to_form(job: Job, changes: Changes) -> None:
    """Open Train with a job's configuration filled in, changed where asked."""
    form_values.clone(session.store(), job)
    form_values.change(session.store(), changes)
    st.switch_page("pages/1_Train.py")


def _relaunch(job: Job, changes: Changes) -> None:
    try:
        cured = job.config.changed(**changes)
    except VaporError as error:
        st.error(text.plain(error))
        return
    launched = session.act(session.store().submit, cured, name=f"{job.name}, changed"[:200])
    if launched is None:
        st.rerun()
    else:
        st.switch_page("pages/2_Monitor.py", query_params={"job": launched.id})


def _button(label: str, icon: str, action: object, job: Job, *, primary: bool = False) -> None:
    st.button(
        label,
        icon=icon,
        type="primary" if primary else "secondary",
        on_click=session.act,
        args=(action, job.id),
    )


def _more(job: Job) -> None:
    store = session.store()
    name = st.text_input("Name", job.name, max_chars=200)
    if st.button("Rename", disabled=not name.strip() or name == job.name):
        session.act(store.rename, job.id, name.strip())
        st.rerun()
    if job.deleted:
        _button("Restore", ":material/undo:", store.restore, job)
    elif not job.live and job.status != "paused":
        _button("Delete", ":material/delete:", store.delete, job)


@st.dialog("Stop this job?", icon=":material/stop:")
def _stop_dialog(job: Job) -> None:
    st.markdown(
        f"**{text.plain(job.name)}** is at {text.plain(text.eta(job))}. A stopped job keeps what it has measured "
        "and cannot be resumed."
    )
    with st.container(horizontal=True):
        stop = session.store().stop
        if st.button("Stop it", type="primary", on_click=session.act, args=(stop, job.id)):
            st.rerun()
        if st.button("Keep it running"):
            st.rerun()


@st.dialog("Deploy", icon=":material/rocket_launch:", width="medium")
def deploy_dialog(job: Job) -> None:
    """Choose where and how to serve a job's result, with what one replica would do."""
    cards_by_id = {card.id: card for card in catalog.accelerators()}
    ids = list(cards_by_id)
    trained_on = job.config.accelerator if isinstance(job.config.accelerator, str) else ids[0]
    name = st.text_input("Name", f"{job.name}-endpoint"[:200], max_chars=200)
    left, right = st.columns(2)
    accelerator = left.selectbox(
        "Accelerator", ids, index=ids.index(trained_on), format_func=lambda key: cards_by_id[key].display_name
    )
    precision = right.selectbox("Precision", get_args(ServingPrecision))
    replicas = left.slider("Replicas, fewest and most", 1, MOST_REPLICAS, (1, 4))
    traffic = right.segmented_control("Traffic", get_args(Traffic), default="steady", required=True)
    fits = _serving_estimate(job, accelerator, precision)
    order = {
        "accelerator": accelerator,
        "replicas": replicas,
        "traffic": traffic,
        "precision": precision,
        "name": name.strip(),
    }
    ready = fits and bool(name.strip())
    st.button(
        "Deploy",
        type="primary",
        disabled=not ready,
        key="deploy_now",
        on_click=_deploy,
        args=(job.id,),
        kwargs=order,
    )
    if "deployed" in st.session_state:
        deployed = st.session_state.pop("deployed")
        if deployed is None:
            st.rerun()
        st.switch_page("pages/4_Deployments.py", query_params={"deployment": deployed.id})


def _deploy(job_id: str, **order: Any) -> None:  # noqa: ANN401 - the keywords of Store.deploy, as they are
    st.session_state["deployed"] = session.act(session.store().deploy, job_id, **order)


def _serving_estimate(job: Job, accelerator: str, precision: ServingPrecision) -> bool:
    """Draw what one replica would do, and say whether it fits."""
    try:
        alone, full = _estimates(job.config, accelerator, precision)
    except VaporError as error:
        st.error(text.plain(error, 600))
        return False
    if not alone.fits:
        st.error(
            f"It needs {text.gigabytes(alone.memory_gb)}, the card has {text.gigabytes(alone.memory_available_gb)}. "
            "A smaller precision or a larger card would do."
        )
        return False
    with st.grid(4, min_column_width=130):
        st.metric("First token", text.milliseconds(alone.ttft_ms), help="TTFT of one request alone, median")
        st.metric("Per token", text.milliseconds(alone.tpot_ms), help="TPOT of one request alone, median")
        st.metric(
            "Most requests", text.rate(full.max_requests_per_second, "req"), help="One replica, saturated"
        )
        st.metric("Price", f"{text.plain(text.money(alone.price_per_hour))}/h", help="One replica")
    st.caption(
        f"One replica; requests of {text.whole(512)} tokens in and {text.whole(128)} out. Weights and overhead take "
        f"{text.gigabytes(alone.memory_gb)} of {text.gigabytes(alone.memory_available_gb)}."
    )
    return True


@st.cache_data(max_entries=256, show_spinner=False)
def _estimates(
    config: JobConfig, accelerator: str, precision: ServingPrecision
) -> tuple[ServingEstimate, ServingEstimate]:
    """One request alone, and a loaded replica."""
    alone = ServingConfig(model=config.model, accelerator=accelerator, precision=precision, concurrency=1)
    return estimate_serving(alone), estimate_serving(alone.changed(concurrency=64))
