"""*Deploy*: where and how to serve the result of a job, with what one replica would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, get_args

import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.serving import (
    CHAT_INPUT,
    CHAT_OUTPUT,
    ENGINE_DEFAULTS,
    Demand,
    EngineSettings,
    ServingConfig,
    ServingEstimate,
    ServingPrecision,
)
from vapor_core.errors import VaporError
from vapor_core.physics.serving.autoscaling import TARGET_LOAD
from vapor_core.physics.serving.load import estimate_serving
from vapor_core.workspace.store import Store
from vapor_ui.parts import links, prices
from vapor_ui.parts.demand_fields import demand_fields
from vapor_ui.parts.engine_fields import engine_field, settings_fields
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from vapor_core.contracts.training import JobConfig
    from vapor_core.contracts.workspace import Deployment, Job

LONGEST_NAME = 200  # letters
MOST_REPLICAS = 16
LOADED = 64  # requests at once that load a replica
EASE = 0.5  # of what one replica can serve, that a demand begins with


@dataclass(frozen=True, slots=True)
class Replica:
    """What one replica is, and what is asked of all of them."""

    accelerator: str
    precision: ServingPrecision
    settings: EngineSettings
    demand: Demand | None


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
    name = st.text_input("Name", f"{job.name}-endpoint"[:LONGEST_NAME], max_chars=LONGEST_NAME)
    accelerator, precision = _card(job)
    left, right = st.columns(2)
    with left:
        engine = engine_field()
    replicas = right.slider("Replicas, fewest and most", 1, MOST_REPLICAS, (1, 4))
    prices.note(catalog.accelerator(accelerator), now=session.now())
    settings = settings_fields(engine)
    st.markdown("**What people ask of it**")
    first = Demand(requests_per_second=_borne(job, accelerator, precision))
    demand = demand_fields(first, job.config.dataset, "deploy")
    fits = _serving_estimate(job, Replica(accelerator, precision, settings, demand), replicas)
    order = partial(
        Store.deploy,
        job_id=job.id,
        accelerator=accelerator,
        replicas=replicas,
        traffic=demand.pattern,
        precision=precision,
        name=name.strip(),
        demand=demand,
        settings=settings,
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


def _card(job: Job) -> tuple[str, ServingPrecision]:
    """On what each replica runs, and how its weights are kept."""
    cards_by_id = {card.id: card for card in catalog.accelerators()}
    ids = list(cards_by_id)
    trained_on = job.config.accelerator if isinstance(job.config.accelerator, str) else ids[0]
    left, right = st.columns(2)
    accelerator = left.selectbox(
        "Accelerator", ids, index=ids.index(trained_on), format_func=lambda key: cards_by_id[key].display_name
    )
    return accelerator, right.selectbox("Precision", get_args(ServingPrecision))


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


def _borne(job: Job, accelerator: str, precision: ServingPrecision) -> float:
    """Requests a second that one replica bears with ease, to begin with; 1 where it does not fit."""
    try:
        _, full = _estimates(job.config, Replica(accelerator, precision, ENGINE_DEFAULTS, None))
    except VaporError:
        return 1.0
    return float(f"{EASE * full.max_requests_per_second:.2g}") or 1.0


def _serving_estimate(job: Job, replica: Replica, replicas: tuple[int, int]) -> bool:
    """Draw what one replica would do, and say whether it fits."""
    try:
        alone, full = _estimates(job.config, replica)
    except VaporError as error:
        st.error(text.plain(error, 600))
        return False
    if not alone.fits:
        st.error(
            f"It needs {text.gigabytes(alone.memory_gb)} and room for a request's keys and values, the card has "
            f"{text.gigabytes(alone.memory_available_gb)}. A smaller precision, shorter requests or a larger card "
            "would do."
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
    _enough(replica.demand, full, replicas)
    st.caption(
        f"One replica. Weights and overhead take {text.gigabytes(alone.memory_gb)} of "
        f"{text.gigabytes(alone.memory_available_gb)}; keys and values of {text.count(alone.kv_capacity_tokens)} "
        "tokens fit beside them."
    )
    return True


def _enough(demand: Demand | None, full: ServingEstimate, replicas: tuple[int, int]) -> None:
    """How many replicas the demand takes, and a warning where that is more than allowed."""
    if demand is None or not full.max_requests_per_second:
        return
    needed = ceil(demand.requests_per_second / (TARGET_LOAD * full.max_requests_per_second))
    count = f"{text.whole(needed)} replica{'s' * (needed != 1)}"
    share = f"at {TARGET_LOAD:.0%} of what each can serve"
    if needed <= replicas[1]:
        st.caption(f"The busiest time takes {count}, {share}.")
    else:
        st.warning(
            f"The busiest time takes {count}, {share}; you allow {replicas[1]}. "
            "Requests will wait, and some will be refused.",
            icon=":material/warning:",
        )


@st.cache_data(max_entries=256, show_spinner=False)
def _estimates(config: JobConfig, replica: Replica) -> tuple[ServingEstimate, ServingEstimate]:
    """One request alone, and a loaded replica."""
    asked = replica.demand
    alone = ServingConfig(
        model=config.model,
        accelerator=replica.accelerator,
        precision=replica.precision,
        input_tokens=asked.input_tokens if asked else CHAT_INPUT,
        output_tokens=asked.output_tokens if asked else CHAT_OUTPUT,
        concurrency=1,
        **{name: getattr(replica.settings, name) for name in replica.settings.model_fields_set},
    )
    return estimate_serving(alone), estimate_serving(alone.changed(concurrency=LOADED))
