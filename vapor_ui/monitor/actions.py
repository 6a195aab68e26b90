"""What a person can do about one job: pause, resume, stop, deploy, clone, rename, delete, and take a cure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import streamlit as st

from vapor_core import text
from vapor_core.backends import registry
from vapor_core.backends.unknown import has_card
from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store
from vapor_ui.form import choices
from vapor_ui.monitor import key_again, rules
from vapor_ui.parts import cards, deploy_dialog, links
from vapor_ui.parts.stop_dialog import stop_button
from vapor_ui.shell import session

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Job

Changes: TypeAlias = Mapping[str, str | int | float | bool]

LONGEST_NAME = 200  # letters
GOES_ON = ("stopped", "lost", "failed")  # what a real run can be resumed from


def bar(job: Job) -> None:
    """The buttons that its status allows."""
    if session.read_only():
        return
    able = session.store().abilities(job.id)
    with st.container(horizontal=True, gap="small"):
        if able.can_pause and job.status in ("running", "initializing"):
            _button("Pause", ":material/pause:", Store.pause, job)
        if job.status == "paused" or (able.can_go_on and job.status in GOES_ON):
            _button("Resume", ":material/play_arrow:", Store.resume, job, primary=True)
        if able.can_stop and (job.live or job.status in ("paused", "lost")):
            stop_button("job", job.id, _what_stopping_means(job, able.can_go_on))
        if session.store().can_deploy(job.id):
            deploy_dialog.button(job, key="deploy", primary=job.status == "completed")
        clone_help = "Open the form with this configuration"
        if able.can_clone and st.button("Clone", icon=":material/content_copy:", help=clone_help):
            _to_form(job, {})
        rules.popover(job)
        with st.popover("More", icon=":material/more_horiz:"):
            _more(job)


def place_in_line(store: Store, job: Job) -> None:
    """Of a job that waits for its machine: how many run before it, and letting it go first."""
    if job.status != "queued":
        return
    place = registry.place(job.config.backend)
    before = place.ahead(store.workspace, job.id) if place is not None else None
    if before is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        jobs = "1 job runs" if before == 1 else f"{before} jobs run"
        st.caption(
            f":material/hourglass_empty: {f'{jobs} before it' if before else 'It is next'}, one at a time.",
            width="content",
        )
        if before and not session.read_only():
            st.button("Run it next", icon=":material/vertical_align_top:", on_click=_run_next, args=(job,))


def _run_next(job: Job) -> None:
    """Whoever may act may change the line."""
    session.act(_first_in_line, job, said="It runs next")


def _first_in_line(store: Store, job: Job, *, now: float) -> bool:
    place = registry.place(job.config.backend)
    if place is not None:
        place.run_next(store.workspace, job.id)
    return True


def failure(job: Job) -> None:
    """Why it failed or cannot be seen, with the change that cures, or the key that is missing."""
    if job.failure:
        cards.failure_callout(job.failure)
        _offer_cure(job, job.failure.changes)
        key_again.field(session.store(), job)


def _offer_cure(job: Job, changes: Changes) -> None:
    """One click that relaunches with the change, and one that opens the form with it."""
    if not changes or session.read_only():
        return
    with st.container(horizontal=True, gap="small"):
        words = ", ".join(f"{name} = {value}" for name, value in changes.items())
        if st.button(
            text.on_primary("Relaunch with this change"),
            type="primary",
            icon=":material/restart_alt:",
            help=words,
        ):
            _relaunch(job, changes)
        if st.button("Open the form with it", icon=":material/edit:", help=words):
            _to_form(job, changes)


def _what_stopping_means(job: Job, goes_on: bool) -> str:
    after = "its last checkpoint, from which *Resume* goes on" if goes_on else "cannot be resumed"
    return (
        f"**{text.plain(job.name)}** is at {text.plain(text.eta(job))}. A stopped job keeps what it has measured "
        f"and {after}."
    )


def _to_form(job: Job, changes: Changes) -> None:
    """Open Train with a job's configuration filled in, changed where asked."""
    values = choices.made_by(job.config, without="name")
    if not has_card(job.config):  # another program's run: what nobody knows of it is to be chosen
        values = {
            name: value for name, value in values.items() if name not in ("accelerator", "dataset", "backend")
        }
    choices.fill(session.store(), {**values, **changes})
    st.switch_page(links.TRAIN)


def _relaunch(job: Job, changes: Changes) -> None:
    try:
        cured = job.config.changed(**changes)
    except VaporError as error:
        st.error(text.plain(error))
        return
    launched = session.act(Store.submit, cured, name=f"{job.name}, changed"[:LONGEST_NAME])
    if launched is None:
        st.rerun()
    else:
        links.open_job(launched.id)


def _button(label: str, icon: str, action: Callable[..., Job], job: Job, *, primary: bool = False) -> None:
    st.button(
        text.on_primary(label) if primary else label,
        icon=icon,
        type="primary" if primary else "secondary",
        on_click=session.act,
        args=(action, job.id),
    )


def _more(job: Job) -> None:
    name = st.text_input("Name", job.name, max_chars=LONGEST_NAME)
    if st.button("Rename", disabled=not name.strip() or name == job.name):
        session.act(Store.rename, job.id, name.strip())
        st.rerun()
    if job.deleted:
        _button("Restore", ":material/undo:", Store.restore, job)
    elif not job.live and job.status != "paused":
        _button("Delete", ":material/delete:", Store.delete, job)
