"""*Deploy*: where and how to serve the result of a job, with what one replica would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, get_args

import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.serving import ServingConfig, ServingEstimate, ServingPrecision, Traffic
from vapor_core.errors import VaporError
from vapor_core.physics.serving.load import estimate_serving
from vapor_core.workspace.store import Store
from vapor_ui.parts import links, prices
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from vapor_core.contracts.training import JobConfig
    from vapor_core.contracts.workspace import Deployment, Job

LONGEST_NAME = 200  # letters
MOST_REPLICAS = 16
LOADED = 64  # requests at once that load a replica
INPUT_TOKENS, OUTPUT_TOKENS = 512, 128  # of one request


@dataclass(slots=True)
class Pressed:
    """What came of the last press of *Deploy*: the endpoint's id, "" where it was refused; None before a press."""

    deployment_id: str | None = None


def button(job: Job, *, key: str, primary: bool = False) -> None:
    """Opens the dialog."""
    label = text.on_primary("Deploy") if primary else "Deploy"
    if st.button(label, key=key, icon=links.SERVED, type="primary" if primary else "secondary"):
        _dialog(job)


@st.dialog("Deploy", icon=":material/rocket_launch:", width="medium")
def _dialog(job: Job) -> None:
    cards_by_id = {card.id: card for card in catalog.accelerators()}
    ids = list(cards_by_id)
    trained_on = job.config.accelerator if isinstance(job.config.accelerator, str) else ids[0]
    name = st.text_input("Name", f"{job.name}-endpoint"[:LONGEST_NAME], max_chars=LONGEST_NAME)
    left, right = st.columns(2)
    accelerator = left.selectbox(
        "Accelerator", ids, index=ids.index(trained_on), format_func=lambda key: cards_by_id[key].display_name
    )
    precision = right.selectbox("Precision", get_args(ServingPrecision))
    replicas = left.slider("Replicas, fewest and most", 1, MOST_REPLICAS, (1, 4))
    traffic = right.segmented_control("Traffic", get_args(Traffic), default="steady", required=True)
    prices.note(cards_by_id[accelerator], now=session.now())
    fits = _serving_estimate(job, accelerator, precision)
    order = partial(
        Store.deploy,
        job_id=job.id,
        accelerator=accelerator,
        replicas=replicas,
        traffic=traffic,
        precision=precision,
        name=name.strip(),
    )
    ready = fits and bool(name.strip())
    st.button(
        text.on_primary("Deploy", enabled=ready),
        type="primary",
        disabled=not ready,
        key="deploy_now",
        on_click=_deploy,
        args=(order,),
    )
    _follow()


def _deploy(order: Callable[..., Deployment]) -> None:
    deployed = session.act(order)
    state.kept(Pressed).deployment_id = deployed.id if deployed else ""


def _follow() -> None:
    """To the new endpoint; back to the page, which tells a refusal."""
    pressed = state.kept(Pressed)
    came, pressed.deployment_id = pressed.deployment_id, None
    if came:
        links.open_deployment(came)
    elif came is not None:
        st.rerun()


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
        price = f"{text.plain(text.money(alone.price_per_hour))}/h" if alone.price_per_hour else "unknown"
        st.metric("Price", price, help="One replica")
    st.caption(
        f"One replica; requests of {text.whole(INPUT_TOKENS)} tokens in and {text.whole(OUTPUT_TOKENS)} out. "
        "Weights and overhead take "
        f"{text.gigabytes(alone.memory_gb)} of {text.gigabytes(alone.memory_available_gb)}."
    )
    return True


@st.cache_data(max_entries=256, show_spinner=False)
def _estimates(
    config: JobConfig, accelerator: str, precision: ServingPrecision
) -> tuple[ServingEstimate, ServingEstimate]:
    """One request alone, and a loaded replica."""
    alone = ServingConfig(
        model=config.model,
        accelerator=accelerator,
        precision=precision,
        input_tokens=INPUT_TOKENS,
        output_tokens=OUTPUT_TOKENS,
        concurrency=1,
    )
    return estimate_serving(alone), estimate_serving(alone.changed(concurrency=LOADED))
