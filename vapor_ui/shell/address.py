"""What a page's address says: its query parameters read with care, their names, and where the app is served."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import streamlit as st

if TYPE_CHECKING:
    from vapor_core.sharing.links import View

WORLD = "world"  # a shared link's parameter
INVITATION = "invite"
LONGEST_PARAMETER = 500  # characters of a query parameter that are looked at

# The page that shows a view, and the parameter of that page that names what is shown.
PAGES: dict[View, str] = {
    "workspace": "",
    "job": "Monitor",
    "comparison": "Compare",
    "deployment": "Deployments",
}
PARAMETERS: dict[View, str] = {"job": "job", "comparison": "jobs", "deployment": "deployment"}
LOOKS = ("x", "smoothing", "log", "quantity", "back", "at")  # parameters that say how it is looked at


def parameter(name: str) -> str:
    """A query parameter as one bounded line; "" where it is not given. What it names is still to be checked."""
    value = st.query_params.get(name) or ""
    return "".join(letter for letter in value[:LONGEST_PARAMETER] if letter.isprintable()).strip()


def parameters(name: str) -> tuple[str, ...]:
    """A comma-separated query parameter, without blanks and doubles, in order."""
    parts = (part.strip() for part in parameter(name).split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def forget(*names: str) -> None:
    """Take parameters out of the address."""
    for name in names:
        st.query_params.pop(name, None)


def root() -> str:
    """Where the app is served, with a slash at its end."""
    here = urlsplit(st.context.url or "")
    path = here.path.rsplit("/", 1)[0] if here.path.rsplit("/", 1)[-1] else here.path.rstrip("/")
    return urlunsplit((here.scheme, here.netloc, f"{path}/", "", ""))
