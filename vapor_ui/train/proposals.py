"""Fit it for me: a budget in, the few configurations worth their money out, as a chart and as one click each."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from vapor_core import catalog, text
from vapor_core.advice.budget import propose
from vapor_core.backends import machines
from vapor_core.charts import stream
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.estimates import Proposal
from vapor_core.contracts.training import Calibration, JobConfig, Method
from vapor_core.errors import VaporError
from vapor_ui.form import choices
from vapor_ui.parts.cards import chart_card
from vapor_ui.shell import session, state

MONEY, HOURS, CARDS = "fit.money", "fit.hours", "fit.cards"  # widgets' keys


@dataclass(slots=True)
class Asked:
    """What was asked last, and what came of it: proposals or the refusal."""

    base: JobConfig | None = None
    found: tuple[Proposal, ...] | str = ()


def button(base: JobConfig, calibration: Calibration | None) -> None:
    """Opens the dialog."""
    if st.button("Fit it for me", icon=":material/auto_awesome:", help="Propose what a budget buys"):
        proposals_dialog(base, calibration)


@st.dialog("Fit it for me", icon=":material/auto_awesome:", width="large")
def proposals_dialog(base: JobConfig, calibration: Calibration | None) -> None:
    """Ask for a budget, then offer what lies on the front of cost against eval loss."""
    model, data = catalog.model(base.model).display_name, catalog.dataset(base.dataset).display_name
    what = "Methods and epochs" if machines.is_real(base.backend) else "Methods, cards, counts and epochs"
    st.caption(f"{what} for {text.plain(model)} on {text.plain(data)}, tried against the same laws.")
    with st.grid(3, min_column_width=150):
        money = st.number_input(
            "Most money (US$)", value=None, min_value=0.0, placeholder="no limit", key=MONEY
        )
        hours = st.number_input(
            "Most time (hours)", value=None, min_value=0.0, placeholder="no limit", key=HOURS
        )
        cards = (base.accelerator,) if machines.is_real(base.backend) else _cards()
    asked = state.kept(Asked)
    if st.button(text.on_primary("Propose"), type="primary", icon=":material/auto_awesome:"):
        with st.skeleton(height=300):
            asked.base, asked.found = (
                base,
                _proposed(base, (money, hours), cards, _methods(base), calibration),
            )
    if asked.base != base:
        return
    if isinstance(asked.found, str):
        st.warning(text.plain(asked.found, 600), icon=":material/search_off:")
    else:
        _offer(asked.found)


def _cards() -> tuple[str | Accelerator, ...]:
    """Those of the catalog that may be proposed; none where any may."""
    return tuple(
        st.multiselect(
            "Accelerators",
            [card.id for card in catalog.accelerators()],
            format_func=lambda card: catalog.accelerator(card).display_name,
            placeholder="any",
            key=CARDS,
        )
    )


def _methods(base: JobConfig) -> tuple[Method, ...]:
    """What may be proposed: without a card nothing that needs one."""
    machine = machines.measured(base.backend)
    return ("lora", "full") if machine is not None and machine.is_processor else ("lora", "qlora", "full")


@st.cache_data(max_entries=32, show_spinner=False)
def _proposed(
    base: JobConfig,
    budget: tuple[float | None, float | None],
    cards: tuple[str | Accelerator, ...],
    methods: tuple[Method, ...],
    calibration: Calibration | None,
) -> tuple[Proposal, ...] | str:
    money, hours = budget  # dollars, hours
    try:
        return propose(
            base,
            budget_usd=money or None,
            budget_hours=hours or None,
            accelerators=cards or None,
            methods=methods,
            calibration=calibration,
        )
    except VaporError as refused:
        said = str(refused)
        return f"{said[:1].upper()}{said[1:]}."


def _offer(found: tuple[Proposal, ...]) -> None:
    frame = pd.DataFrame(
        {
            "name": [proposal.reason for proposal in found],
            "cost_usd": [proposal.estimate.cost_usd for proposal in found],
            "final_loss": [proposal.estimate.final_eval_loss for proposal in found],
        }
    )
    chart_card(
        stream.streamed("cost_front", frame), alt="Cost against eval loss of what is proposed", height=260
    )
    for number, proposal in enumerate(found):
        _row(number, proposal)


def _row(number: int, proposal: Proposal) -> None:
    estimate = proposal.estimate
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{text.plain(proposal.reason[:1].upper() + proposal.reason[1:])}**")
            st.caption(
                f"{text.plain(text.money(estimate.cost_usd))} · {text.duration(estimate.duration_s)} · eval loss "
                f"{text.loss(estimate.final_eval_loss)} · {text.gigabytes(estimate.memory_gb)}"
            )
        if st.button("Take", key=f"fit.take.{number}", help="Put this configuration into the form"):
            choices.change(session.store(), choices.made_by(proposal.config, without="name"))
            st.rerun()
