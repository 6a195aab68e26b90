"""*Share*: what is on screen as one address that holds all of it, for whoever it is given to."""

from collections.abc import Iterable
from urllib.parse import urlencode

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.sharing import links, selection
from vapor_core.sharing.links import View
from vapor_ui.shell import address, session, settings

WRAPPED = 400  # characters: a longer link would fill the screen


def button(view: View, ids: Iterable[str] = (), *, label: str = "Share") -> None:
    """Opens the dialog with the link."""
    if st.button(label, icon=":material/share:", key=f"share_{view}"):
        _dialog(view, tuple(ids))


def link(view: View, ids: tuple[str, ...]) -> str:
    """The page's own address with the world in it, and how it is looked at.

    Raises:
        VaporError: where it is too large for a link, or cannot be read.
    """
    shared = selection.share(session.store(), view, ids)
    parameters = {name: value for name in address.LOOKS if (value := st.query_params.get(name))}
    if view in address.PARAMETERS:
        parameters[address.PARAMETERS[view]] = ",".join(ids)
    parameters[address.WORLD] = links.pack(shared, settings.link_secret())
    return f"{address.root()}{address.PAGES[view]}?{urlencode(parameters)}"


@st.dialog("Share", icon=":material/share:", width="medium")
def _dialog(view: View, ids: tuple[str, ...]) -> None:
    try:
        whole = link(view, ids)
    except VaporError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
        return
    st.markdown("Whoever opens this link sees it as it stands now, read-only, and can make it their own.")
    st.code(whole, language=None, wrap_lines=len(whole) < WRAPPED)
    signed = "It is signed: a change on its way is noticed. " if settings.link_secret() else ""
    st.caption(
        f"{signed}It holds all that it shows ({text.whole(len(whole))} characters), so it works without this "
        "workspace, and what you do from now on is not in it."
    )
