"""What a session keeps from one run to the next: one instance each of small dataclasses, all under one key.

A widget's own value is Streamlit's, under a key that the module that draws the widget names. Whatever else lasts is a
field of a dataclass, which stands in the module that it is about, and `kept` hands it out.
"""

from dataclasses import fields
from typing import TypeVar

import streamlit as st

KEY = "vapor"  # of `st.session_state`; all other keys there are widgets'
EDITED = ("vapor_core", "vapor_ui")  # packages whose classes are others after an edit of their source

T = TypeVar("T")


def kept(kind: type[T]) -> T:
    """The session's one instance of a dataclass whose fields have defaults; made at the first call.

    Streamlit loads an edited module anew, and its classes are others then. The instance is made anew too, with what
    the old one held; objects of classes that may be others themselves are left behind, and their owners make new ones.
    """
    everything: dict[str, object] = st.session_state.setdefault(KEY, {})
    name = named(kind)
    held = everything.get(name)
    if not isinstance(held, kind):
        held = everything[name] = kind(**_carried_over(held, kind))
    return held


def named(kind: type) -> str:
    """What an instance is kept under: the name of its class, which an edit does not change."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _carried_over(old: object, kind: type) -> dict[str, object]:
    names = [each.name for each in fields(kind)]
    values = {name: getattr(old, name) for name in names if hasattr(old, name)}
    return {name: value for name, value in values.items() if not type(value).__module__.startswith(EDITED)}
