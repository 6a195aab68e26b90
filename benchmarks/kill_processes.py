"""Kill app processes behind nginx, one at a time, and look what visitors lose and how long they wait.

`python -m benchmarks.kill_processes [--minutes 10] [--visitors 6] [--every 60]`: three processes share a PostgreSQL
journal. Each visitor looks at pages and starts a job now and then; one process in turn gets SIGKILL and is started
again, as whoever supervises them would. A visitor whose connection breaks connects anew, as the browser does. A job
that was shown as started must be in the journal; a wait is from what was asked until the page is drawn, whatever broke
in between.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
from websockets.exceptions import WebSocketException

from benchmarks.balanced import NGINX, NO_NGINX, Visitor, app_process, balancer, starts_a_job, visitor
from benchmarks.endurance import Ordeal, record
from benchmarks.serving import Server, free_port
from tests import postgres
from vapor_core.journal.journal import Journal
from vapor_core.journal.sql import open_journal

PROCESSES = 3
MINUTES = 10.0  # less is a try and not recorded
LONGEST_S = 5.0  # that anybody may wait
PAGES = ("", "Monitor", "Models", "Deployments")
STARTS = 0.15  # chance that a visitor starts a job instead of looking
MOST_JOBS = 20  # that one starts
THINKS_S = (1.0, 5.0)  # between two pages
AGAIN_S = 0.2  # between two tries to connect
BROKEN = (WebSocketException, OSError, TimeoutError)


@dataclass
class Life:
    """What one visitor did and met."""

    waits: list[float] = field(default_factory=list)  # seconds
    broken: list[float] = field(default_factory=list)  # the same where the connection broke meanwhile
    away: list[float] = field(
        default_factory=list
    )  # of those, from the break until connected to another process
    started: int = 0  # jobs that were shown as started
    unknown: int = 0  # where the connection broke before that was shown
    errors: list[str] = field(default_factory=list)


async def lives(address: str, number: int, until: float, life: Life) -> None:
    """One visitor, from the first page until it is over."""
    dice = random.Random(number)  # noqa: S311 - no secret
    person = await _connected(address, number)
    while perf_counter() < until:
        starts = life.started < MOST_JOBS and dice.random() < STARTS
        page, began, broke = dice.choice(PAGES), perf_counter(), False
        while True:
            try:
                await (starts_a_job(person) if starts else person.visit(page))
                life.started += starts
                break
            except BROKEN:
                broke, broke_at = True, perf_counter()
                life.unknown += starts
                starts = False  # whoever comes back looks first what has become of it
                person = await _connected(address, number)
                life.away.append(perf_counter() - broke_at)
            except AssertionError as error:
                life.errors.append(str(error)[:300])
                break
        life.errors += [error[:300] for error in person.errors]
        (life.broken if broke else life.waits).append(perf_counter() - began)
        await asyncio.sleep(dice.uniform(*THINKS_S))
    await person.socket.close()


async def _connected(address: str, number: int) -> Visitor:
    while True:
        try:
            return await visitor(address, number)
        except BROKEN:
            await asyncio.sleep(AGAIN_S)


async def kills(
    url: str, servers: list[tuple[int, Server]], stack: ExitStack, every: float, until: float
) -> int:
    """Kill one process in turn and start it again; how many were killed."""
    killed = 0
    while perf_counter() + every < until:
        await asyncio.sleep(every)
        place = killed % len(servers)
        port, victim = servers[place]
        victim.process.kill()
        victim.process.wait()
        servers[place] = (
            port,
            await asyncio.to_thread(lambda: stack.enter_context(app_process(url, port))),  # noqa: B023 - awaited
        )
        killed += 1
    return killed


async def run(minutes: float, visitors: int, every: float) -> tuple[int, list[Life], list[str]]:
    """(kills, what each visitor met, what was lost)."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres.running_server())
        url, folder = server.database(), Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = [free_port() for _ in range(PROCESSES)]
        servers = [(port, stack.enter_context(app_process(url, port))) for port in ports]
        address = stack.enter_context(balancer(folder, ports))
        people = [Life() for _ in range(visitors)]
        until = perf_counter() + minutes * 60
        killed, *_ = await asyncio.gather(
            kills(url, servers, stack, every, until),
            *(lives(address, number, until, life) for number, life in enumerate(people)),
        )
        journal = open_journal(url)
        losses = [loss for number, life in enumerate(people) for loss in lost(journal, number, life)]
        journal.close()
    return killed, people, losses


def lost(journal: Journal, number: int, life: Life) -> list[str]:
    """What of a visitor's work is not there, or there without having been asked for."""
    entries = journal.read(f"visitor{number:025d}")
    there = sum(entry.event.kind == "job_submitted" for entry in entries)
    found = [entry.notice for entry in entries if entry.notice]
    if not life.started <= there <= life.started + life.unknown:
        found.append(
            f"visitor {number} started {life.started} jobs, {life.unknown} more perhaps; {there} are there"
        )
    return [*found, *life.errors]


def main() -> int:
    """Print what was found; 1 where something was lost or somebody waited too long."""
    asked = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    asked.add_argument("--minutes", type=float, default=MINUTES)
    asked.add_argument("--visitors", type=int, default=6)
    asked.add_argument("--every", type=float, default=60.0)
    options = asked.parse_args()
    if NGINX is None or postgres.programs() is None:
        print(NO_NGINX if NGINX is None else postgres.NONE_HERE)
        return 0
    killed, people, losses = asyncio.run(run(options.minutes, options.visitors, options.every))
    whole = [wait for life in people for wait in life.waits]
    broken = [wait for life in people for wait in life.broken] or [0.0]
    away = [wait for life in people for wait in life.away] or [0.0]
    longest = max([*whole, *broken])
    print(
        f"{killed} kills among {PROCESSES} processes in {options.minutes:g} minutes, {options.visitors} visitors: "
        f"{sum(life.started for life in people)} jobs started, {sum(life.unknown for life in people)} of which nobody "
        f"was told; {len(losses)} losses"
    )
    print(
        f"waits for a page: {len(whole)} undisturbed, median {np.median(whole):.2f} s, p95 "
        f"{np.percentile(whole, 95):.2f} s, longest {max(whole):.2f} s; {len(away)} broken by a kill, median "
        f"{np.median(broken):.2f} s, longest {max(broken):.2f} s, of which until connected again median "
        f"{np.median(away):.2f} s, longest {max(away):.2f} s"
    )
    print("\n".join(losses[:20]))
    if options.minutes >= MINUTES:
        found = (
            f"{killed} kills in {options.minutes:g} minutes, {options.visitors} visitors: {len(losses)} losses; waits "
            f"median {np.median(whole):.2f} s, longest {max(whole):.2f} s, {max(broken):.2f} s across a kill"
        )
        met = not losses and longest <= LONGEST_S
        command, target = "python -m benchmarks.kill_processes", f"0 losses, no wait over {LONGEST_S:g} s"
        record(
            Ordeal(
                "processes",
                "Three processes behind nginx, one killed each minute",
                command,
                found,
                target,
                met,
            )
        )
    return 1 if losses or longest > LONGEST_S else 0


if __name__ == "__main__":
    sys.exit(main())
