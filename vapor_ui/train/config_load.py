"""*Load*: a configuration file, as Monitor exports it or as written by hand, into the Train form."""

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.readers.configurations import read_config
from vapor_core.workspace.store import Store
from vapor_ui.form import form_values

READ = "train.config_read"  # the last file that was read: its identity, and "" or why it was refused


def popover(store: Store) -> None:
    """Takes a YAML or JSON file; a good one fills the form, a bad one is told in one sentence."""
    with st.popover("Load", icon=":material/upload_file:", type="tertiary", help="Fill the form from a file"):
        file = st.file_uploader("A configuration", type=["yaml", "yml", "json"], key="train.config_file")
        if file is None:
            return
        known, refusal = st.session_state.get(READ, ("", ""))
        if known != file.file_id:
            refusal = _load(store, file.name, file.getvalue())
            st.session_state[READ] = (file.file_id, refusal)
            if not refusal:
                st.rerun()
        if refusal:
            st.error(text.plain(refusal, 1000), icon=":material/error:")
        else:
            st.caption(":material/check: The form has its values.")


def _load(store: Store, name: str, content: bytes) -> str:
    try:
        config = read_config(name, content)
    except VaporError as error:
        return str(error)
    values = {field: getattr(config, field) for field in config.model_fields_set if field != "backend"}
    form_values.start_over(store)
    form_values.change(store, values)
    return ""
