"""*Load*: a configuration file, as Monitor exports it or as written by hand, into the Train form."""

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.trainers.reading import read_job
from vapor_ui.form import choices
from vapor_ui.shell import session, state

FILE = "train.config_file"  # the uploader's key


def popover() -> None:
    """Takes a YAML or JSON file; a good one fills the form, a bad one is told in one sentence."""
    with st.popover("Load", icon=":material/upload_file:", type="tertiary", help="Fill the form from a file"):
        file = st.file_uploader("A configuration", type=["yaml", "yml", "json"], key=FILE)
        if file is None:
            return
        refusal, fresh = state.read_once(FILE, file, _load)
        if fresh and not refusal:
            st.rerun()
        if refusal:
            st.error(text.plain(refusal, 1000), icon=":material/error:")
        else:
            st.caption(":material/check: The form has its values.")


def _load(name: str, content: bytes) -> str:
    """Why it was refused; "" where the form has its values."""
    try:
        config = read_job(name, content)
    except VaporError as error:
        return str(error)
    choices.fill(session.store(), choices.made_by(config, without="backend"))
    return ""
