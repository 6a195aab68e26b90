"""What whoever runs the app has configured: environment variables first, then Streamlit's secrets.

`VAPOR_DATABASE_URL`: where workspaces are kept: a file's path, a database URL, or "memory" for nowhere; by default
one SQLite file in the user's data folder. `VAPOR_LINK_SECRET`: signs shared links. `[auth]` in the secrets switches
sign-in on, see Streamlit's `st.login`. `VAPOR_BACKENDS`: backends that do real work, with commas, for whoever may act.
"""

import os
from pathlib import Path

import streamlit as st

from vapor_ui.entrance import configured

MEMORY = "memory"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def database() -> str:
    """Where workspaces are kept: a path, a URL, or MEMORY."""
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    return configured.value("VAPOR_DATABASE_URL") or str(data / "vapor" / "vapor.db")


def link_secret() -> str:
    """What links are signed with; "" where they are not."""
    return configured.value("VAPOR_LINK_SECRET")


def real_backends() -> tuple[str, ...]:
    """Backends that do real work and that this server allows.

    None where strangers could reach it: without sign-in it must listen on loopback alone, unless `VAPOR_BACKENDS_OPEN`
    is "yes", which is to be told twice.
    """
    named = tuple(name for name in configured.value("VAPOR_BACKENDS").replace(" ", "").split(",") if name)
    alone = (os.environ.get("VAPOR_SERVED_AT") or st.get_option("server.address")) in LOOPBACK
    told_twice = configured.value("VAPOR_BACKENDS_OPEN").lower() == "yes"
    return named if cookie_secret() or alone or told_twice else ()


def serves_tracking() -> bool:
    """Whether the routes by which trainers log their runs stand beside the pages: `vapor serve` started them."""
    return os.environ.get("VAPOR_SERVES") == "tracking"


def cookie_secret() -> str:
    """The secret of Streamlit's sign-in; "" where there is no sign-in."""
    try:
        return str(st.secrets["auth"]["cookie_secret"])
    except (FileNotFoundError, KeyError):
        return ""
