"""Kill the database under a busy process and look whether anything that was said about an action is not so.

Several threads record events in PostgreSQL as fast as they can, two of them in the same workspace, while the server
with all its processes gets SIGKILL at random instants and is started again. Of each event the thread was told that it
is recorded, that it is not, or that nobody knows; the first must be there, once and under its number, the second must
not be there.
"""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from threading import Event as Signal
from typing import Literal

from benchmarks.kill import Report
from tests import postgres
from vapor_core.contracts.entries import Dataset
from vapor_core.errors import JournalError
from vapor_core.journal.events import DatasetAdded
from vapor_core.journal.journal import Journal, JournalConflict
from vapor_core.journal.sql import UNKNOWN, open_journal

WORKSPACES = ("one", "two", "both", "both")  # a thread each
LONGEST_S = 0.4  # between two kills
Said = Literal["recorded", "not recorded", "unknown"]


@dataclass
class Told:
    """What one thread was told about each of its events."""

    said: dict[str, tuple[Said, int]] = field(default_factory=dict)  # id -> what, and its number
    traps: list[str] = field(default_factory=list)


def record(journal: Journal, workspace: str, name: str, told: Told, over: Signal) -> None:
    """Record events until it is over."""
    number = 0
    while not over.is_set():
        number += 1
        key = f"{name}/{number}"
        event = DatasetAdded(dataset=Dataset(id=key, tokens=1, examples=1))
        try:
            told.said[key] = ("recorded", _append(journal, workspace, event))
        except JournalError as error:
            told.said[key] = ("unknown" if str(error) == UNKNOWN else "not recorded", 0)
            Signal().wait(0.01)
        except Exception as error:  # noqa: BLE001 - what nobody may see
            told.traps.append(f"{type(error).__name__}: {error}")


def _append(journal: Journal, workspace: str, event: DatasetAdded) -> int:
    after = journal.read(workspace)[-1:]
    number = after[0].number if after else 0
    while True:
        try:
            return journal.append(workspace, number, 1.0, event).number
        except JournalConflict:
            number = journal.read(workspace)[-1].number


def kills(count: int, seed: int = 0) -> Report:
    """So many kills of a server.

    Raises:
        LookupError: where there is no package of it.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    with postgres.running_server() as server:
        journal, over = open_journal(server.database()), Signal()
        told = [Told() for _ in WORKSPACES]
        threads = [
            threading.Thread(
                target=record, args=(journal, workspace, f"thread-{place}", told[place], over), daemon=True
            )
            for place, workspace in enumerate(WORKSPACES)
        ]
        for thread in threads:
            thread.start()
        for _ in range(count):
            Signal().wait(chance.uniform(0.0, LONGEST_S))
            server.kill()
            server.start()
        over.set()
        for thread in threads:
            thread.join()
        report = _report(count, journal, told)
        journal.close()
        return report


def _report(count: int, journal: Journal, told: list[Told]) -> Report:
    there: dict[str, list[int]] = {}
    losses = [trap for each in told for trap in each.traps]
    for workspace in dict.fromkeys(WORKSPACES):
        entries = journal.read(workspace)
        losses += [entry.notice for entry in entries if entry.notice]
        for entry in entries:
            if isinstance(entry.event, DatasetAdded):
                there.setdefault(entry.event.dataset.id, []).append(entry.number)
    found: Counter[str] = Counter()
    for each in told:
        for key, (said, number) in each.said.items():
            found[said] += 1
            numbers = there.get(key, [])
            if said == "recorded" and numbers != [number]:
                losses.append(f"{key} was recorded as {number} and is at {numbers}")
            elif said == "not recorded" and numbers:
                losses.append(f"{key} was said not to be recorded and is at {numbers}")
            elif len(numbers) > 1:
                losses.append(f"{key} is there {len(numbers)} times")
    return Report(count, found["recorded"], found["unknown"], 0, found["not recorded"], tuple(losses))
