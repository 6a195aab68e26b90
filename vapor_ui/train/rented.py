"""Where a run is on a rented machine: which one, at what price, and the key of the person who pays for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import text
from vapor_core.backends import machines
from vapor_core.contracts.entries import Accelerator
from vapor_core.errors import VaporError
from vapor_ui.form import choices
from vapor_ui.parts import key_field
from vapor_ui.shell import session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vapor_core.backends.base import Rental
    from vapor_ui.form.form_values import Form

MACHINE = "train.rented_machine"


def hardware(form: Form, rental: Rental) -> None:
    """The machine, and the key; what of it is missing."""
    try:
        with st.skeleton(height=60):
            offers = rental.offers()
    except VaporError as fault:
        st.warning(text.plain(f"{str(fault)[:1].upper()}{str(fault)[1:]}.", 600), icon=":material/cloud_off:")
        st.button("Ask again", icon=":material/refresh:", key="train.ask_again")
        return
    _machine(form, rental, offers)
    if rental.has_key():
        st.caption(":material/key: This server lends its own token to whoever may act here.")
    else:
        key_field.draw(rental, disabled=session.read_only())


def is_ready(form: Form, rental: Rental) -> bool:
    """Whether a machine is chosen and there is a key."""
    chosen = form.shown.accelerator
    has_machine = isinstance(chosen, Accelerator) and rental.is_offered(chosen)
    return has_machine and (rental.has_key() or bool(key_field.typed()))


def lent(backend: str) -> AbstractContextManager[None]:
    """Lend the key for what is submitted within, where a backend wants one.

    Raises:
        BackendRefused: where what was typed is none.
    """
    rental = machines.rental(backend)
    return nullcontext() if rental is None else rental.lent(key_field.typed(), keeps=key_field.keeps())


def _machine(form: Form, rental: Rental, offers: Sequence[Accelerator]) -> None:
    """The machines with their prices; a choice puts its card and how many it has into the form."""
    known = {card.id: card for card in offers}
    chosen = form.shown.accelerator
    chosen_id = chosen.id if isinstance(chosen, Accelerator) and chosen.id in known else None
    st.session_state[MACHINE] = chosen_id
    st.selectbox(
        "Machine",
        list(known),
        index=None,
        key=MACHINE,
        format_func=lambda name: _told(known[name]),
        placeholder="Choose one of the Hub's machines",
        help="As the Hub lists them now, with its prices; machines whose card Vapor does not know are left out",
        on_change=_chosen,
        args=(known,),
        disabled=session.read_only(),
    )
    if chosen_id is not None:
        st.caption(f":material/memory: {text.plain(rental.told(known[chosen_id]), 160)}")


def _told(card: Accelerator) -> str:
    count = f"{card.cards_per_node} × " if card.cards_per_node > 1 else ""
    return f"{count}{card.display_name}, {text.money(card.price_per_hour * card.cards_per_node)} an hour"


def _chosen(known: dict[str, Accelerator]) -> None:
    card = known.get(str(st.session_state[MACHINE]))
    if card is not None and not session.read_only():
        values = {"accelerator": card, "accelerator_count": card.cards_per_node, "sharding": "none"}
        choices.change(session.store(), values)
