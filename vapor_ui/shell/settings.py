"""What whoever runs the app has configured: environment variables first, then Streamlit's secrets.

`VAPOR_DATABASE_URL`: where workspaces are kept: a file's path, a database URL, or "memory" for nowhere; by default
one SQLite file in the user's data folder. `VAPOR_LINK_SECRET`: signs shared links. `[auth]` in the secrets switches
sign-in on, see Streamlit's `st.login`.
"""

import os
from pathlib import Path

import streamlit as st

MEMORY = "memory"


def database() -> str:
    """Where workspaces are kept: a path, a URL, or MEMORY."""
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    return _configured("VAPOR_DATABASE_URL") or str(data / "vapor" / "vapor.db")


def link_secret() -> str:
    """What links are signed with; "" where they are not."""
    return _configured("VAPOR_LINK_SECRET")


def cookie_secret() -> str:
    """The secret of Streamlit's sign-in; "" where there is no sign-in."""
    try:
        return str(st.secrets["auth"]["cookie_secret"])
    except (FileNotFoundError, KeyError):
        return ""


def _configured(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        try:
            value = st.secrets.get(name)
        except FileNotFoundError:
            value = None
    return str(value or "").strip()
