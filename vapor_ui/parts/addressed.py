"""A choice that stands in the page's address and is always one."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

T = TypeVar("T", bound=str)


def choice(label: str, options: Sequence[T], key: str, default: T, shown: Callable[[T], str] = str) -> T:
    """A row of options, of which one is chosen; the address has it under `key`, the screen as `shown`.

    An address that says "key=" leaves Streamlit's control without a choice, though one is required. Only what is set
    after such a first run counts against the address, so the page is drawn once more.
    """
    if key in st.session_state and st.session_state[key] is None:
        st.session_state[key] = default
    chosen = st.segmented_control(
        label, options, key=key, default=default, required=True, bind="query-params", format_func=shown
    )
    if chosen is None:
        st.rerun()
    return chosen
