"""Runs that others start: follow a log within the server's folder of runs, or let a trainer log into this workspace."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import catalog, text
from vapor_core.advice.estimate import estimate
from vapor_core.backends.followed import folders
from vapor_core.backends.unknown import has_card
from vapor_core.errors import VaporError
from vapor_core.sharing.tracking_tokens import TrackingTokens
from vapor_core.workspace.store import Store
from vapor_ui.parts import cards, links
from vapor_ui.shell import address, session, settings, state, workspaces

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Job

TRACK = "track/"  # of the address, before the token


@dataclass(slots=True)
class MadeToken:
    """The address that was made last in this visit; it cannot be shown again, since its digest alone is kept."""

    workspace: str = ""
    address: str = ""


def popovers() -> None:
    """Both, where this server offers them and this visitor may act."""
    if session.read_only():
        return
    if folders.root() is not None:
        with st.popover("Follow a run", icon=":material/visibility:"):
            _follow()
    if settings.serves_tracking() and workspaces.is_kept() and workspaces.role() == "owner":
        with st.popover("Log from a trainer", icon=":material/cell_tower:"):
            _tokens()


def awaits_runs() -> bool:
    """Whether a trainer may log a run into this workspace at any moment."""
    tokens = workspaces.tracking_tokens() if settings.serves_tracking() else None
    return tokens is not None and tokens.has_one(session.own_store().workspace)


def estimated(store: Store, job: Job) -> None:
    """What its parameters let expect, on a card that is chosen: a run of others says no card."""
    if has_card(job.config) or not store.abilities(job.id).has_config:
        return
    with st.expander("What its parameters let expect", icon=":material/query_stats:"):
        card = st.selectbox(
            "On which card",
            catalog.accelerators(),
            format_func=lambda entry: entry.display_name,
            key=f"followed_card_{job.id}",
        )
        try:
            found = estimate(job.config.changed(accelerator=card.id))
        except VaporError as error:
            st.warning(text.plain(error, 600), icon=":material/warning:")
            return
        fits = "fits" if found.fits else "does not fit"
        with st.grid(4, min_column_width=150):
            cards.metric_card("Memory", text.gigabytes(found.memory_reserved_gb), delta=fits)
            cards.metric_card("A step", text.duration(found.step_time_s))
            cards.metric_card("Time", text.duration(found.duration_s))
            cards.metric_card("Cost", text.money(found.cost_usd))
        st.caption(
            "Of the model and the settings that it has logged. It says neither its data nor its card, so no loss is "
            "foretold; *Clone* opens the form with what is known."
        )


def _follow() -> None:
    offered = folders.offered()
    chosen = st.selectbox(
        "A run in the server's folder",
        offered,
        index=0 if offered else None,
        accept_new_options=True,
        placeholder="A file or folder within it",
        help="A log that a trainer writes (JSON a line, a table, TensorBoard's events, a Trainer's state, what it "
        "prints), or the folder of one run. The newest come first.",
    )
    if not offered:
        st.caption("There is no log yet in the folder of runs.")
    if st.button("Follow it", icon=":material/visibility:", disabled=not chosen) and chosen:
        job = session.act(Store.follow, str(chosen))
        if job is None:
            st.rerun()
        else:
            links.open_job(job.id)


def _tokens() -> None:
    own = session.own_store().workspace
    tokens = workspaces.tracking_tokens()
    if tokens is None:
        return
    made = state.kept(MadeToken)
    st.markdown(
        "Any trainer that reports to MLflow shows here as a live job: transformers and TRL "
        '(`report_to="mlflow"`), Lightning, Keras, axolotl, Ultralytics.'
    )
    if made.workspace == own:
        st.code(f"export MLFLOW_TRACKING_URI={made.address}", language="bash", wrap_lines=True)
        st.caption("Whoever has this address can log runs into this workspace. It is not shown again.")
    elif tokens.has_one(own):
        st.caption("There is an address already, which is not shown again. Another one takes its place.")
    label = "Make another address" if tokens.has_one(own) else "Make an address"
    if st.button(label, icon=":material/key:"):
        token = secrets.token_urlsafe(24)
        if session.act(_made, tokens, token, said="Set it where your trainer runs"):
            made.workspace, made.address = own, f"{address.root()}{TRACK}{token}"
        st.rerun()
    if tokens.has_one(own) and st.button("Withdraw it", icon=":material/block:"):
        if session.act(_revoked, tokens):
            made.workspace = ""
        st.rerun()


def _made(store: Store, tokens: TrackingTokens, token: str, *, now: float) -> bool:
    tokens.make(store.workspace, token, now=now)
    return True


def _revoked(store: Store, tokens: TrackingTokens, *, now: float) -> bool:
    tokens.revoke(store.workspace, now=now)
    return True
