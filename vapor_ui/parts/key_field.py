"""A field for a key of a person's own, such as a token: in this session's memory alone, and never told again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from vapor_core.backends.base import Rental

KEY, KEEPS = "rental.key", "rental.keeps"
LONGEST = 500  # letters


def draw(rental: Rental, *, disabled: bool = False) -> None:
    """The field, and whether what is trained is kept with it."""
    st.text_input(
        rental.key,
        type="password",
        key=KEY,
        max_chars=LONGEST,
        autocomplete="off",
        help=rental.about_key,
        disabled=disabled,
        persist_state="session",
    )
    st.checkbox(
        rental.keeping,
        key=KEEPS,
        help=rental.about_keeping,
        disabled=disabled,
        persist_state="session",
    )
    if not keeps():
        st.caption(
            ":material/delete_forever: The result is lost when the job ends: only its metrics are left."
        )


def typed() -> str:
    """What stands in the field."""
    return str(st.session_state.get(KEY) or "")


def keeps() -> bool:
    """Whether what is trained is to be kept."""
    return bool(st.session_state.get(KEEPS))
