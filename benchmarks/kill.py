"""Kill a busy workspace at random instants and look whether anything that was acknowledged is gone.

`python -m benchmarks.kill [--kills 300] [--server-kills 300] [--seed 0]`: each round a child process opens the
workspace's database, a SQLite file and then one in PostgreSQL, and acts as fast as it can, telling each action once it
was acknowledged; at a random instant, be it while opening the database, it gets SIGKILL. Then the database must open,
hold every acknowledged action as it was told, and at most one more (which was written but not yet told); and the world
must follow from it. Every 25 rounds a new one is begun. Last the server itself is killed, see `kill_server`.
"""

import argparse
import json
import logging
import os
import random
import select
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from zlib import crc32

import numpy as np

from benchmarks.endurance import Ordeal, record
from vapor_core import JobConfig, Store
from vapor_core.contracts.entries import Dataset
from vapor_core.errors import VaporError
from vapor_core.journal.codec import encode
from vapor_core.journal.sql import open_journal

KILLS = 300  # of each; fewer are a try and not recorded
KILLED = {
    "SQLite": "A workspace at work in SQLite is killed",
    "PostgreSQL": "A workspace at work in PostgreSQL is killed",
    "the server": "PostgreSQL itself is killed",
}
ROUNDS_A_FILE = 25
LONGEST_S = 0.5  # of a child's life
CONFIG = JobConfig(model="openai-community/gpt2", max_steps=500, eval_every=50)


@dataclass(frozen=True)
class Report:
    """What was found; an empty `losses` is what is hoped for."""

    kills: int
    acknowledged: int
    untold: int  # written, but killed before it was told
    blocks: int  # of points of real runs
    early: int  # kills before the first action of their round
    losses: tuple[str, ...]


def acting(path: str, seed: int, tell: Callable[[str], None]) -> None:
    """Act until killed; `tell` gets a line for each acknowledged action."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    store = Store.open(path)
    now = float(len(store.journal.read("default")))
    blocks = len(store.journal.metric_blocks("default", "job-1"))
    while True:
        now += 1.0
        before = len(store.journal.read("default"))
        jobs = [job.id for job in store.jobs(include_deleted=True)]
        job = dice.choice(jobs) if jobs else "job-1"
        actions: tuple[Callable[[], object], ...] = (
            lambda: store.submit(CONFIG.model_copy(update={"seed": dice.randrange(1000)}), now=now),  # noqa: B023
            lambda: store.pause(job, now=now),  # noqa: B023
            lambda: store.resume(job, now=now),  # noqa: B023
            lambda: store.stop(job, now=now),  # noqa: B023
            lambda: store.delete(job, now=now),  # noqa: B023
            lambda: store.restore(job, now=now),  # noqa: B023
            lambda: store.rename(job, f"name {now}", now=now),  # noqa: B023
            lambda: store.set_speed(dice.choice((1.0, 60.0, 3600.0)), now=now),  # noqa: B023
            lambda: store.add_dataset(Dataset(id=f"me/{now}", tokens=10**6, examples=100), now=now),  # noqa: B023
            lambda: store.deploy(job, now=now),  # noqa: B023
            lambda: store.advance(now=now),  # noqa: B023
        )
        try:
            dice.choice(actions)()
        except VaporError:
            continue
        for entry in store.journal.read("default", before):
            tell(json.dumps(["event", entry.number, encode(entry.event)]))
        if dice.random() < 0.2:
            values = np.random.default_rng(dice.randrange(10**6)).normal(size=2000)
            blocks = store.journal.append_metrics(
                "default", "job-1", blocks, {"step": np.arange(2000.0), "loss": values}
            )
            tell(json.dumps(["block", blocks, crc32(values.tobytes())]))


def killed(path: str, seed: int, after_s: float) -> list[list[object]]:
    """What a child had acknowledged when it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            acting(path, seed, lambda line: void(os.write(writer, (line + "\n").encode())))
        except BaseException as error:  # noqa: BLE001 - the parent must hear of it
            os.write(writer, (json.dumps(["error", 0, f"{type(error).__name__}: {error}"]) + "\n").encode())
        os._exit(1)
    os.close(writer)
    told, end = b"", perf_counter() + after_s
    while (left := end - perf_counter()) > 0:
        if select.select([reader], [], [], left)[0]:
            piece = os.read(reader, 1 << 16)
            if not piece:
                break
            told += piece
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while piece := os.read(reader, 1 << 16):
        told += piece
    os.close(reader)
    return [json.loads(line) for line in told.decode().split("\n")[:-1]]


def void(_: object) -> None:
    """Nothing."""


def looked_at(path: str, events: dict[int, str], blocks: dict[int, int]) -> tuple[list[str], int]:
    """(what is wrong with the file, events that were written but not told); they count as told from now on."""
    wrong: list[str] = []
    if "://" not in path and not Path(path).exists():
        return (["the file is gone"] if events else []), 0
    try:
        journal = open_journal(path)
        entries, kept = journal.read("default"), journal.metric_blocks("default", "job-1")
        wrong += journal.notices
        store = Store(journal)
        store.advance(now=len(entries) + 1.0)
        _ = store.jobs(), store.deployments(), store.events()
        journal.close()
    except VaporError as error:
        return [str(error)], 0
    found = {entry.number: encode(entry.event) for entry in entries}
    wrong += [
        f"event {number} is lost or changed" for number in events if found.get(number) != events[number]
    ]
    sums = {block.number: crc32(block.columns["loss"].tobytes()) for block in kept}
    wrong += [f"block {number} is lost or changed" for number in blocks if sums.get(number) != blocks[number]]
    untold = len(found) - len(events)
    if untold > 1 or len(sums) - len(blocks) > 1 or sorted(found) != list(range(1, len(found) + 1)):
        wrong.append(f"{untold} events and {len(sums) - len(blocks)} blocks were never told")
    events.update(found)
    blocks.update(sums)
    return wrong, untold


def kills(count: int, database: Callable[[int], str], seed: int = 0) -> Report:
    """So many rounds; `database` gives the path or URL of the so many-th new one."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    losses: list[str] = []
    acknowledged = untold = blocks_told = early = 0
    events: dict[int, str] = {}
    blocks: dict[int, int] = {}
    path = ""
    for number in range(count):
        if number % ROUNDS_A_FILE == 0:
            events, blocks = {}, {}
            path = database(number // ROUNDS_A_FILE)
        told = killed(path, seed * 10**6 + number, dice.uniform(0.0, LONGEST_S))
        losses += [f"round {number}: {text}" for kind, _, text in told if kind == "error"]
        events.update({int(str(place)): str(text) for kind, place, text in told if kind == "event"})
        blocks.update({int(str(place)): int(str(sum_)) for kind, place, sum_ in told if kind == "block"})
        acknowledged += sum(kind == "event" for kind, *_ in told)
        blocks_told += sum(kind == "block" for kind, *_ in told)
        early += not told
        wrong, more = looked_at(path, events, blocks)
        untold += more
        losses += [f"round {number}: {text}" for text in wrong]
    return Report(count, acknowledged, untold, blocks_told, early, tuple(losses))


def main() -> int:
    """Print what was found; 1 where something was lost."""
    from benchmarks import kill_server  # noqa: PLC0415 - it reports as this one does
    from tests import postgres  # noqa: PLC0415 - for whoever has a server

    asked = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    asked.add_argument("--kills", type=int, default=KILLS)
    asked.add_argument("--server-kills", type=int, default=KILLS)
    asked.add_argument("--seed", type=int, default=0)
    options = asked.parse_args()
    logging.disable()  # what whoever runs a server reads is not asked here
    losses: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        losses += told(
            "SQLite", lambda: kills(options.kills, lambda n: f"{folder}/work-{n}.db", options.seed)
        )
    if postgres.programs() is None:
        print(postgres.NONE_HERE)
        return 1 if losses else 0
    with postgres.running_server() as server:
        losses += told("PostgreSQL", lambda: kills(options.kills, lambda _: server.database(), options.seed))
    losses += told("the server", lambda: kill_server.kills(options.server_kills, options.seed))
    return 1 if losses else 0


def told(what: str, find: Callable[[], Report]) -> tuple[str, ...]:
    """Print what was found; the losses."""
    began = perf_counter()
    report = find()
    took_s = perf_counter() - began
    if what == "the server":
        words = f"{report.early} said not to be recorded, {report.untold} of which nobody knew"
    else:
        words = (
            f"{report.blocks} blocks of points, {report.untold} more written but not told, {report.early} kills before "
            "the first action"
        )
    print(
        f"{what}: {report.kills} kills in {took_s:.0f} s: {report.acknowledged} actions acknowledged, {words}; "
        f"{len(report.losses)} losses or false words"
    )
    print("\n".join(report.losses[:20]), end="\n" if report.losses else "", flush=True)
    if report.kills >= KILLS:
        lost = len(report.losses)
        found = f"{report.kills} kills, {report.acknowledged:,} actions acknowledged, {lost} losses or false words"
        record(Ordeal("kill", KILLED[what], "make kill", found, "0 losses, 0 false words", not report.losses))
    return report.losses


if __name__ == "__main__":
    sys.exit(main())
