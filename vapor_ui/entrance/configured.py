"""What whoever runs the app has set by name: environment variables first, then Streamlit's secrets.

The core asks the environment alone and knows no Streamlit. So what secrets say of it is taken into the environment at
the start of a session, before anything is asked.
"""

from __future__ import annotations

import os

import streamlit as st

# Settings that the core, its supervisors and the training program read by themselves
OF_THE_CORE = ("VAPOR_BACKENDS", "VAPOR_RUNS", "VAPOR_MODELS", "VAPOR_LOCAL_JOBS", "VAPOR_FOLLOW")


def value(name: str) -> str:
    """A setting, without the spaces around it; "" where there is none."""
    found = os.environ.get(name)
    if found is None:
        try:
            found = st.secrets.get(name)
        except FileNotFoundError:
            found = None
    return str(found or "").strip()


def take_in() -> None:
    """Let the core know what secrets say; an environment variable comes first."""
    if not st.secrets.load_if_toml_exists():
        return
    for name in OF_THE_CORE:
        if name not in os.environ and (said := value(name)):
            os.environ[name] = said
