"""One widget for one field of a form: it shows the form's value, keeps what is typed, and says what is wrong.

A widget's own value is lost on a page change, so each change goes into the store through a callback.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

from vapor_core import text
from vapor_ui.form import form_values
from vapor_ui.form.form_values import Form
from vapor_ui.shell import session

T = TypeVar("T")


def _bound(form: Form, name: str, convert: Callable[[object], T]) -> tuple[str, T | None]:
    """The widget's key, holding the form's value; and that value as the widget's own default, where it already held it.

    A browser may miss the run that set the key, since a rerun drops what was not sent yet. It then starts from the
    widget's own default, and would report that as what the person chose.
    """
    key = f"{form.choices}.{name}"
    value = convert(form.values.get(name, getattr(form.shown, name)))
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
        return key, None  # Streamlit takes a key's value or a default in one run, not both
    return key, value


def _as_it_is(value: object) -> object:
    return value


def _keep(choices: str, name: str) -> None:
    form_values.choose(session.store(), name, st.session_state[f"{choices}.{name}"], choices)


def problem(form: Form, name: str, label: str) -> None:
    """The one sentence about a field, where it has one."""
    if name in form.problems:
        sentence = form.problems[name].replace(name, label, 1) if label else form.problems[name]
        st.caption(f":red[:material/error: {text.plain(sentence)}]")


def line(form: Form, name: str, label: str, help: str = "", placeholder: str = "") -> None:
    """A text field that follows the typing, for words and for numbers such as 2e-4."""
    key, value = _bound(form, name, _as_line)
    with st.container(gap="xsmall"):
        st.text_input(
            label,
            value=value or "",
            key=key,
            help=help or None,
            placeholder=placeholder or None,
            live="300ms",
            max_chars=200,
            on_change=_keep_line,
            args=(form.choices, name),
        )
        problem(form, name, label)


def _keep_line(choices: str, name: str) -> None:
    typed = str(st.session_state[f"{choices}.{name}"] or "").strip()
    form_values.choose(session.store(), name, typed or None, choices)


def _as_line(value: object) -> str:
    return text.learning_rate(value) if isinstance(value, float) else str(value)


def whole_number(form: Form, name: str, label: str, help: str = "", placeholder: str = "") -> None:
    """A whole number; empty takes the default."""
    key, _ = _bound(form, name, _as_it_is)
    with st.container(gap="xsmall"):
        st.number_input(
            label,
            value=None,  # with a default of its own it could not be emptied
            step=1,
            key=key,
            help=help or None,
            placeholder=placeholder or None,
            on_change=_keep,
            args=(form.choices, name),
        )
        problem(form, name, label)


def number(form: Form, name: str, label: str, *, step: float, help: str = "") -> None:
    """A number with a fraction; empty takes the default."""
    key, _ = _bound(form, name, _as_float)
    with st.container(gap="xsmall"):
        st.number_input(
            label,
            value=None,
            step=step,
            format="%g",
            key=key,
            help=help or None,
            on_change=_keep,
            args=(form.choices, name),
        )
        problem(form, name, label)


def _as_float(value: object) -> object:
    return float(value) if isinstance(value, int | float) else value


def choice(
    form: Form,
    name: str,
    label: str,
    options: Sequence[object],
    *,
    words: Callable[[object], str] = str,
    help: str = "",
) -> None:
    """One of several, searched by typing."""
    key, value = _bound(form, name, _as_it_is)
    with st.container(gap="xsmall"):
        st.selectbox(
            label,
            options,
            index=options.index(value) if value in options else 0,
            key=key,
            format_func=words,
            help=help or None,
            on_change=_keep,
            args=(form.choices, name),
        )
        problem(form, name, label)


def segments(
    form: Form,
    name: str,
    label: str,
    options: Sequence[str],
    *,
    words: Callable[[str], str] = str,
    help: str = "",
) -> None:
    """One of a few, side by side."""
    key, value = _bound(form, name, str)
    with st.container(gap="xsmall"):
        st.segmented_control(
            label,
            options,
            default=value,
            key=key,
            format_func=words,
            required=True,
            help=help or None,
            on_change=_keep,
            args=(form.choices, name),
        )
        problem(form, name, label)


def several(form: Form, name: str, label: str, options: Sequence[str], help: str = "") -> None:
    """Any of a few."""
    key, value = _bound(form, name, _as_list)
    with st.container(gap="xsmall"):
        st.pills(
            label,
            options,
            selection_mode="multi",
            default=value,
            key=key,
            help=help or None,
            on_change=_keep,
            args=(form.choices, name),
        )
        problem(form, name, label)


def _as_list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def switch(form: Form, name: str, label: str, help: str = "") -> None:
    """Yes or no."""
    key, value = _bound(form, name, bool)
    st.toggle(
        label, value=bool(value), key=key, help=help or None, on_change=_keep, args=(form.choices, name)
    )
