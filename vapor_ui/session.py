"""Whose workspace it is and what time it is: this session's Store, the only clock, and actions on the store.

Nothing is drawn here. A page reads `store()`, acts through `act` and reads query parameters through `parameter`.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from vapor_core.errors import VaporError
from vapor_core.store import Store

FIRST_SPEED = 60.0  # simulated seconds a second, in a new workspace
LONGEST_PARAMETER = 500  # characters of a query parameter that are looked at

T = TypeVar("T")


def now() -> float:
    """Seconds since the epoch: the only clock of the app."""
    return time.time()


def store() -> Store:
    """This session's store; made at the first call, and again from its journal after a core module was edited."""
    held = st.session_state.get("store")
    if not isinstance(held, Store):
        held = _new_store()
        st.session_state["store"] = held
    return held


def _new_store() -> Store:
    """A new workspace in memory. A durable one is opened here: `Store.open(path, workspace=...)`."""
    fresh = Store()
    fresh.set_speed(FIRST_SPEED, now=now())
    return fresh


def act(action: Callable[..., T], *arguments: object, said: str = "", **named: object) -> T | None:
    """Do a store's action at this instant; a refusal becomes the one message that the frame shows.

    `said` is shown for a moment when the action succeeded. It is Markdown: text from outside needs `text.plain`.
    """
    try:
        outcome = action(*arguments, **named, now=now())
    except VaporError as error:
        st.session_state["refusal"] = str(error)
        return None
    if said:
        st.session_state["said"] = said
    return outcome


def parameter(name: str) -> str:
    """A query parameter as one bounded line; "" where it is not given. What it names is still to be checked."""
    value = st.query_params.get(name) or ""
    return "".join(letter for letter in value[:LONGEST_PARAMETER] if letter.isprintable()).strip()


def parameters(name: str) -> tuple[str, ...]:
    """A comma-separated query parameter, without blanks and doubles, in order."""
    parts = (part.strip() for part in parameter(name).split(","))
    return tuple(dict.fromkeys(part for part in parts if part))
