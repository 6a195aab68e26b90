"""What a page works on and what time it is: the store on screen, the only clock, and the one door to every action.

Nothing is drawn here. A page reads `store()` and acts through `act` or `do`, which ask first whether this visitor
(still) may. The store is this visitor's own (`workspaces`), unless a shared link or a replay is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from vapor_core.errors import JournalError, VaporError
from vapor_core.journal.read_only import REFUSAL, VIEWER
from vapor_core.workspace.store import Store
from vapor_ui.shell import state, workspaces
from vapor_ui.shell.state import Looking

if TYPE_CHECKING:
    from typing import Concatenate

    from vapor_core.workspace.members import Members

FIRST_SPEED = 60.0  # simulated seconds a second, in a new workspace
LONGEST_UNSEEN_S = 2e7  # simulated seconds after the last action that endpoints go on unseen
SHORTEST_ABSENCE_S = 6 * 3600.0  # of wall time; who comes back sooner was not away
ROLE_CHANGED = "Your role in that workspace has changed."
NO_MEMBERS = "Who is in a workspace cannot be changed now; sign in, and try again."

T = TypeVar("T")


def now() -> float:
    """Seconds since the epoch: the only clock of the app."""
    return time.time()


def store() -> Store:
    """The store on screen."""
    looked = looking()
    return own_store() if looked is None else looked.store


def own_store() -> Store:
    """This visitor's own store; made at the first call, and again after a core module was edited."""
    visit = state.visit()
    if not isinstance(visit.store, Store):
        visit.store = workspaces.opened()
        _begin(visit.store)
    return visit.store


def _begin(store: Store) -> None:
    """Let time run in a workspace that is new; hold it where nobody has looked for very long."""
    if workspaces.role() == "viewer":
        return
    try:
        if store.clock.speed and any(endpoint.live for endpoint in store.deployments()):
            _hold_where_unseen(store)
        elif not store.jobs(include_deleted=True) and not store.journal.read(store.workspace):
            store.set_speed(FIRST_SPEED, now=now())
    except JournalError as error:
        state.messages().refusal = str(error)


def _hold_where_unseen(store: Store) -> None:
    """Let time have stopped some while after the last action: months of requests would take minutes to compute."""
    last = store.journal.read(store.workspace)[-1].at
    watched_s = max(LONGEST_UNSEEN_S / store.clock.speed, SHORTEST_ABSENCE_S)
    if now() > last + watched_s:
        store.set_speed(0.0, now=last + watched_s)
        state.messages().said = "Time stood still here while you were away. Choose a speed to go on."


def looking() -> Looking | None:
    """What is looked at in place of one's own workspace."""
    held = state.visit().looking
    return held if isinstance(held, Looking) else None


def read_only() -> bool:
    """Whether nothing can be done to what is on screen: it is only looked at, or its visitor is only a viewer."""
    return looking() is not None or workspaces.role() == "viewer"


def advance() -> str:
    """Bring the world on screen to now; a sentence where its journal cannot be read, "" else."""
    looked = looking()
    if looked is None:
        try:
            own_store().advance(now=now())
        except JournalError as error:
            return str(error)
    elif looked.replay is not None:
        looked.store = looked.replay.go(looked.position(now()))
    return ""


def moving() -> bool:
    """Whether time goes on in what is on screen."""
    looked = looking()
    if looked is None:
        return own_store().clock.speed > 0
    if looked.replay is None:
        return False
    return looked.speed > 0 and looked.position(now()) < looked.replay.end_s


def do(action: Callable[Concatenate[Store, ...], T], *arguments: object, **named: object) -> T:
    """Do an action (such as `Store.pause`) in this visitor's own workspace at this instant.

    Every action of a page passes here. A callback runs before its page does, so what the page was drawn with may be
    over: the role is asked for anew, and the store is the one of now.

    Raises:
        VaporError: where the workspace is only looked at, the role has changed, or the action is refused.
    """
    if looking() is not None:
        raise JournalError(REFUSAL)
    visit = state.visit()
    asked_for = visit.chosen_workspace
    if not workspaces.role_stands():
        raise VaporError(ROLE_CHANGED)
    own = own_store()
    if visit.chosen_workspace != asked_for:  # it had to be opened anew, and may not be entered any more
        raise VaporError(ROLE_CHANGED)
    if workspaces.role() == "viewer":
        raise JournalError(VIEWER)
    return action(own, *arguments, **named, now=now())


def act(
    action: Callable[Concatenate[Store, ...], T], *arguments: object, said: str = "", **named: object
) -> T | None:
    """Do an action; a refusal becomes the one message that the frame shows, and None.

    `said` is shown for a moment when the action succeeded. It is Markdown: text from outside needs `text.plain`.
    """
    outcome: T | None = None
    with refusals_told():
        outcome = do(action, *arguments, **named)
        if said:
            state.messages().said = said
    return outcome


@contextmanager
def refusals_told() -> Iterator[None]:
    """Whatever is refused within becomes the one message that the frame shows."""
    try:
        yield
    except VaporError as error:
        state.messages().refusal = str(error)


def among_members(
    action: Callable[Concatenate[Members, ...], T], *arguments: object, **named: object
) -> T | None:
    """Change who is in a workspace (by `Members.invite` and its like); a refusal becomes the frame's message."""
    try:
        known = workspaces.members()
        if known is None:
            raise VaporError(NO_MEMBERS)
        return action(known, *arguments, **named, now=now())
    except VaporError as error:
        state.messages().refusal = str(error)
        return None
