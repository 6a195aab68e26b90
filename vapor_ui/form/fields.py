"""One field of a form as one widget: it shows the form's value, keeps what is chosen, and says what is wrong.

A widget's own value is lost on a page change, so each change goes into the store through a callback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, TypeAlias

import streamlit as st

from vapor_core import text
from vapor_ui.form import choices
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from vapor_core.contracts.entries import CatalogModel, Dataset
    from vapor_core.contracts.training import JobConfig
    from vapor_ui.form.form_values import Form

Value: TypeAlias = Any  # whatever a widget takes and answers

LIVE = "300ms"  # after the last letter a text field tells what was typed
MOST_LETTERS = 200
TOLD_AGAIN_S = 10.0  # after a widget was first drawn: as long as a slow browser takes to load its code


@dataclass(slots=True)
class Told:
    """When the browser was first told each widget's value, by key."""

    since: dict[str, float] = dataclass_field(default_factory=dict)


def always(_: JobConfig) -> bool:
    """For fields that every configuration has."""
    return True


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a form shows of one field of a configuration.

    Attributes:
        name: of JobConfig's field.
        label: what it is called on the screen.
        help: what it means, on a question mark.
        placeholder: what holds where nothing is chosen, in words.
        where: of which configurations it is a field at all.
    """

    name: str
    label: str
    help: str = ""
    placeholder: str = ""
    where: Callable[[JobConfig], bool] = always

    def draw(self, form: Form) -> None:
        """The widget, with the one sentence about what is wrong."""
        if not self.where(form.shown):
            return
        with st.container(gap="xsmall"):
            self._bound(form)
            if self.name in form.problems:
                sentence = form.problems[self.name].replace(self.name, self.label, 1)
                st.caption(f":red[:material/error: {text.plain(sentence)}]")

    def _bound(self, form: Form) -> None:
        """Draw the widget on its key, which holds the form's value.

        A browser may miss the run that set the key: a rerun drops what was not sent yet, and a widget whose code is
        still loading starts from what came last. It then shows the widget's own default, and would report that as what
        the person chose. So the key is set again in runs that follow soon. The value is no default of the widget's too:
        Streamlit takes one of the two.
        """
        key = f"{form.choices}.{self.name}"
        value = self._shown(self._held(form))
        since = state.kept(Told).since
        known = key in st.session_state and st.session_state[key] == value
        if not known:
            since[key] = session.now()
        if not known or session.now() - since.get(key, 0.0) < TOLD_AGAIN_S:
            st.session_state[key] = value
        self._widget(
            form,
            key=key,
            help=self.help or None,
            on_change=self._keep,
            args=(key, form.choices),
        )

    def _keep(self, key: str, form: str) -> None:
        choices.choose(session.store(), self.name, self._chosen(st.session_state[key]), form)

    def _held(self, form: Form) -> object:
        """The form's value: what was chosen, wrong or not, or else what holds."""
        return form.values.get(self.name, getattr(form.shown, self.name))

    def _shown(self, value: object) -> object:
        """A configuration's value as the widget has it."""
        return value

    def _chosen(self, value: Value) -> object:
        """The widget's value as a choice; None takes the choice back."""
        return value

    def _widget(self, form: Form, **settings: Value) -> None:
        raise NotImplementedError


class Line(Field):
    """A text field that follows the typing, for words and for numbers such as 2e-4."""

    def _shown(self, value: object) -> str:
        return text.learning_rate(value) if isinstance(value, float) else str(value)

    def _chosen(self, value: Value) -> object:
        return str(value or "").strip() or None

    def _widget(self, form: Form, **settings: Value) -> None:
        hint = self.placeholder or None
        st.text_input(self.label, placeholder=hint, live=LIVE, max_chars=MOST_LETTERS, **settings)


class WholeNumber(Field):
    """A whole number; empty takes the default."""

    def _widget(self, form: Form, **settings: Value) -> None:
        # With a default of its own it could not be emptied.
        st.number_input(self.label, value=None, step=1, placeholder=self.placeholder or None, **settings)


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A number with a fraction; empty takes the default. `step` is what one click adds."""

    step: float

    def _shown(self, value: object) -> object:
        return float(value) if isinstance(value, int | float) else value

    def _widget(self, form: Form, **settings: Value) -> None:
        st.number_input(self.label, value=None, step=self.step, format="%g", **settings)


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of several, searched by typing. `options` follow the configuration; `words` tells an option."""

    options: Callable[[JobConfig], Sequence[object]]
    words: Callable[[Any], str] = str

    def _widget(self, form: Form, **settings: Value) -> None:
        st.selectbox(self.label, self.options(form.shown), format_func=self.words, **settings)


class Segments(Choice):
    """One of a few, side by side."""

    def _widget(self, form: Form, **settings: Value) -> None:
        options = self.options(form.shown)
        st.segmented_control(self.label, options, format_func=self.words, required=True, **settings)


class Several(Choice):
    """Any of a few."""

    def _shown(self, value: object) -> list[str]:
        return [str(one) for one in value] if isinstance(value, list | tuple) else []

    def _widget(self, form: Form, **settings: Value) -> None:
        options = self.options(form.shown)
        st.pills(self.label, options, selection_mode="multi", **settings)


class Switch(Field):
    """Yes or no; no value of it is wrong."""

    def draw(self, form: Form) -> None:
        """The widget alone."""
        if self.where(form.shown):
            self._bound(form)

    def _shown(self, value: object) -> bool:
        return bool(value)

    def _widget(self, form: Form, **settings: Value) -> None:
        st.toggle(self.label, **settings)


@dataclass(frozen=True, kw_only=True)
class EntryChoice(Field):
    """One model or data set of several: chosen by id where the catalog has it, whole where it is a person's own.

    Attributes:
        offered: by id.
        words: tells one of them.
    """

    offered: Mapping[str, CatalogModel | Dataset]
    words: Callable[[Any], str]

    def _held(self, form: Form) -> object:
        return getattr(form.shown, self.name)  # a wrong choice is in no list; what holds in its place is

    def _shown(self, value: object) -> str:
        return value if isinstance(value, str) else str(getattr(value, "id", ""))

    def _keep(self, key: str, form: str) -> None:
        entry = self.offered.get(st.session_state[key])
        choices.choose_entry(session.store(), self.name, entry, form)

    def _widget(self, form: Form, **settings: Value) -> None:
        options = list(self.offered)
        st.selectbox(self.label, options, format_func=lambda key: self.words(self.offered[key]), **settings)
