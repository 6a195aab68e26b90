"""Flip single bytes of a journal on disk and look whether anything was lost or changed without a word.

`python -m benchmarks.rot [--flips 300] [--seed 0]`: a workspace's file as it is after a clean end, the same with its
write-ahead log as a killed process leaves it, the small file beside it, and an export; one byte of one of them is
changed, then it is opened (an export: restored). Either the world is the same as before, or a notice or a refusal says
that something is wrong. Anything else is silent, and what is hoped for is none.
"""

import argparse
import logging
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.endurance import Ordeal, record
from vapor_core import JobConfig, Store
from vapor_core.errors import VaporError
from vapor_core.journal import care
from vapor_core.journal.codec import encode
from vapor_core.journal.events import SetAside
from vapor_core.journal.witness import ENDING

FLIPS = 300  # fewer are a try and not recorded
CONFIG = JobConfig(model="openai-community/gpt2", max_steps=500, eval_every=50)
JOBS, RENAMES = 60, 3
SHARES = {"file": 0.4, "log": 0.4, "seen": 0.05, "export": 0.15}
World = tuple[tuple[str, ...], tuple[bytes, ...]]


@dataclass
class Report:
    """How many flips of each kind of file ended how."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)
    traps: list[str] = field(default_factory=list)  # errors that are no sentence


def begun(folder: Path) -> None:
    """Write a workspace; its parts as they are after a clean end and after a kill, and an export."""
    path = folder / "work.db"
    store = Store.open(path)
    for number in range(JOBS):
        job = store.submit(CONFIG.changed(seed=number), now=float(number))
        for again in range(RENAMES):
            store.rename(job.id, f"run {number} {again}", now=float(number))
        if number == JOBS // 2:
            with closing(sqlite3.connect(path)) as connection:  # half is in the file, half in its log
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(3):
        store.journal.append_metrics("default", "job-1", number, {"step": np.arange(500.0) + 500 * number})
    for kind in ("log", "file"):
        (folder / kind).mkdir()
        for ending in ("", "-wal", ENDING):
            if path.with_name(path.name + ending).exists():
                shutil.copy(path.with_name(path.name + ending), folder / kind)
        if kind == "log":
            store.close()
    (folder / "seen").symlink_to(folder / "file")
    (folder / "export").mkdir()
    (folder / "export" / "all.jsonl").write_text("".join(care.exported(path)), encoding="utf-8")


def told(path: Path) -> tuple[World, tuple[str, ...]]:
    """(what a journal holds, its notices)."""
    store = Store.open(path)
    try:
        store.advance(now=1000.0)
        _ = store.jobs(include_deleted=True), store.events()
        entries = store.journal.read("default")
        blocks = store.journal.metric_blocks("default", "job-1")
        notices = (*store.notices, *(block.notice for block in blocks if block.notice))
        lines = tuple(
            f"{entry.number} {entry.at} {encode(entry.event)}"
            for entry in entries
            if not isinstance(entry.event, SetAside)
        )
        return (lines, tuple(block.columns["step"].tobytes() for block in blocks if block.columns)), notices
    finally:
        store.close()


def restored(path: Path) -> tuple[World, tuple[str, ...]]:
    """The same of an export."""
    again = path.with_name("again.db")
    text = path.read_bytes().decode("utf-8", "replace")
    care.restore(text.splitlines(), again)
    return told(again)


FLIPPED: dict[str, tuple[str, Callable[[Path], tuple[World, tuple[str, ...]]]]] = {
    "file": ("work.db", told),
    "log": ("work.db-wal", told),
    "seen": ("work.db" + ENDING, told),
    "export": ("all.jsonl", restored),
}


def flipped(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """One byte changed: a bit of it, or all of it."""
    place = chance.randrange(len(content))
    change = 1 << chance.randrange(8) if chance.random() < 0.5 else chance.randrange(1, 256)
    return content[:place] + bytes([content[place] ^ change]) + content[
        place + 1 :
    ], f"byte {place} ^ {change}"


def rot(count: int, folder: Path, seed: int = 0) -> Report:
    """So many flips."""
    chance, report = random.Random(seed), Report()  # noqa: S311 - no secret
    begun(folder)
    whole: dict[str, World] = {}
    for kind, (name, read) in FLIPPED.items():
        whole[kind], notices = read(_opens(_copy(folder / kind, folder / f"whole-{kind}"), name))
        assert not notices, f"{kind} is not whole to begin with: {notices}"
    for number in range(count):
        kind = chance.choices(list(SHARES), list(SHARES.values()))[0]
        name, read = FLIPPED[kind]
        here = _copy(folder / kind, folder / f"flip-{number}")
        content, where = flipped((here / name).read_bytes(), chance)
        (here / name).write_bytes(content)
        try:
            world, notices = read(_opens(here, name))
            how = "told" if notices else "same world" if world == whole[kind] else "silent"
        except VaporError:
            how = "refused"
        except Exception as error:  # noqa: BLE001 - what nobody may see
            how = "trap"
            report.traps.append(f"flip {number}, {kind} {where}: {type(error).__name__}: {str(error)[:200]}")
        if how == "silent":
            report.silent.append(f"flip {number}, {kind} {where}")
        report.counts[kind, how] += 1
        shutil.rmtree(here)
    return report


def _opens(folder: Path, name: str) -> Path:
    """What is opened where a byte of `name` was changed."""
    return folder / (name if name.endswith(".jsonl") else "work.db")


def _copy(source: Path, target: Path) -> Path:
    shutil.copytree(source.resolve(), target)
    return target


def main() -> int:
    """Print what was found; 1 where something was silent."""
    asked = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    asked.add_argument("--flips", type=int, default=FLIPS)
    asked.add_argument("--seed", type=int, default=0)
    options = asked.parse_args()
    logging.disable()  # what whoever runs a server reads is not asked here
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = rot(options.flips, Path(folder), options.seed)
    told_ = ", ".join(f"{kind} {how}: {count}" for (kind, how), count in sorted(report.counts.items()))
    print(f"{options.flips} flips in {perf_counter() - began:.0f} s: {told_}")
    print(f"{len(report.silent)} silent, {len(report.traps)} errors that are no sentence")
    print("\n".join([*report.silent[:20], *report.traps[:20]]))
    wrong = len(report.silent) + len(report.traps)
    if options.flips >= FLIPS:
        found = f"{options.flips} flips, {len(report.silent)} silent, {len(report.traps)} errors that are no sentence"
        record(
            Ordeal("rot", "A byte of a journal's files is flipped", "make rot", found, "0 silent", not wrong)
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
