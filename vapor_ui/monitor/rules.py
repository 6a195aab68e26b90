"""Rules that watch this workspace's live jobs: keeping and forgetting them, and what they have told of a job."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, get_args

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.hub.webhook import checked
from vapor_core.journal.other_events import RuleKept, WatchedFor
from vapor_core.workspace.store import Store
from vapor_core.workspace.watching import THRESHOLDS
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Job

TITLES: dict[WatchedFor, str] = {
    "not_a_number": "A loss that is no number",
    "divergence": "Divergence",
    "plateau": "A plateau",
    "spike": "A spike",
    "overfitting": "Overfitting",
    "over_budget": "More cost than",
    "over_time": "More time than",
    "slower_than_rehearsed": "Slower than rehearsed by",
    "no_heartbeat": "Nothing new for",
}
# Keys of the form's widgets.
WATCHED_FOR, THRESHOLD, ONLY = "rule.watched_for", "rule.threshold", "rule.only"
STOPS, WEBHOOK = "rule.stops", "rule.webhook"
USUAL = {"over_budget": 10.0, "over_time": 1.0, "slower_than_rehearsed": 25.0, "no_heartbeat": 10.0}


def popover(job: Job) -> None:
    """The rules, and a form for another one."""
    if session.read_only():
        return
    count = len(session.store().rules())
    label = f"Watch · {count}" if count else "Watch"
    with st.popover(
        label, icon=":material/notifications:", help="Be told when something happens to live jobs"
    ):
        _kept(session.store())
        _another(job)


def banner(store: Store, job: Job) -> None:
    """What rules have told of a job, until somebody has seen it."""
    told = store.unseen(job.id)
    if not told:
        return
    lines = "  \n".join(f"**{text.plain(each.name, 80)}**: {text.plain(each.sentence, 400)}" for each in told)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.warning(lines, icon=":material/notifications:", width="stretch")
        if not session.read_only():
            st.button("Seen", icon=":material/done:", on_click=session.act, args=(Store.see, job.id))


def _kept(store: Store) -> None:
    for rule in store.rules():
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{text.plain(rule.name, 80)}** · {_words(store, rule)}", width="stretch")
            st.button(
                "Forget",
                key=f"forget_rule_{rule.name}",
                on_click=session.act,
                args=(Store.forget_rule, rule.name),
            )


def _words(store: Store, rule: RuleKept) -> str:
    names = {job.id: job.name for job in store.jobs()}
    of = ", ".join(text.plain(names.get(key, key), 40) for key in rule.jobs[:3]) or "all live jobs"
    then = [*(["stops the job"] if rule.stops else []), *(["tells a webhook"] if rule.webhook else [])]
    return " · ".join([of, *then])


def _amount(watched_for: WatchedFor, threshold: float) -> str:
    unit = THRESHOLDS[watched_for]
    if unit == "dollars":
        return text.money(threshold)
    return f"{threshold:g} {'%' if unit == 'percent' else unit}"


def _another(job: Job) -> None:
    watched: WatchedFor = st.selectbox(
        "Watch for", get_args(WatchedFor), format_func=TITLES.__getitem__, key=WATCHED_FOR
    )
    unit = THRESHOLDS.get(watched)
    if unit is not None:
        amount = f"{THRESHOLD}.{watched}"  # each kind has its own
        st.number_input(unit.capitalize(), min_value=0.01, value=USUAL[watched], key=amount)
    st.checkbox("This job alone", key=ONLY)
    st.checkbox(
        "Stop the job, with a checkpoint",
        key=STOPS,
        help="What another program trains cannot be stopped from here",
    )
    st.text_input(
        "Tell a webhook",
        placeholder="https://...",
        key=WEBHOOK,
        help="It is sent JSON with a text, as Slack's incoming webhooks take it",
    )
    st.button("Keep this rule", icon=":material/add_alert:", on_click=_keep, args=(job.id,))


def _keep(job_id: str) -> None:
    """What the form says, under a name of its own: two rules may watch for the same with other thresholds."""
    watched: WatchedFor = st.session_state[WATCHED_FOR]
    amount = f"{THRESHOLD}.{watched}"
    threshold = st.session_state[amount] if watched in THRESHOLDS else None
    webhook = str(st.session_state[WEBHOOK]).strip()
    taken = {rule.name for rule in session.store().rules()}
    name = TITLES[watched] if threshold is None else f"{TITLES[watched]} {_amount(watched, threshold)}"
    names = (name, *(f"{name} ({number})" for number in range(2, 1000)))
    try:
        if webhook:
            checked(webhook)
    except VaporError as error:
        state.messages().refusal = str(error)
        return
    rule = RuleKept(
        name=next(each for each in names if each not in taken),
        watched_for=watched,
        threshold=threshold,
        jobs=(job_id,) if st.session_state[ONLY] else (),
        stops=st.session_state[STOPS],
        webhook=webhook[:2000],
    )
    session.act(partial(Store.keep_rule, rule=rule), said=f"{text.plain(rule.name)}: watched from now on")
