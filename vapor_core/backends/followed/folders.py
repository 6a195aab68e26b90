"""Which file of a folder is the log of the run that goes on there, and which runs there are within a server's root.

A trainer writes several files at once; the one that grows with each step comes first: Vapor's metrics.jsonl, JSON a
line, TensorBoard's events, a table, what was printed, and a Trainer's state, which is there only as often as it saves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from vapor_core.errors import InvalidUpload
from vapor_core.readers.logs.naming import HELD_OUT, TRAIN

ROOT = "VAPOR_FOLLOW"  # the folder whose runs may be followed
MOST_FILES = 5_000  # that are looked at for a list
DEEPEST = 5
MOST_BESIDE = 20  # event files of one run
EVENTS = "events.out.tfevents"
STATE = "trainer_state.json"
TABLES = ("metrics.csv", "results.csv", "log.csv", "history.csv", "progress.csv")
LOGS = (".jsonl", ".csv", ".tsv", ".log", ".txt", ".out")
NEWEST_FIRST = 200  # runs in a list


def root() -> Path | None:
    """Where runs may be followed; None where the server names no such folder."""
    named = os.environ.get(ROOT, "").strip()
    return Path(named).expanduser().resolve() if named else None


def within(place: str) -> Path:
    """A file or folder of the root by its name there.

    Raises:
        InvalidUpload: the server names no root, or the place lies outside it or is not there.
    """
    base = root()
    if base is None:
        raise InvalidUpload(
            f"following runs is off on this server; it is on where that is started with {ROOT}=a folder of runs"
        )
    try:
        found = (base / place).resolve()
    except (OSError, ValueError, RuntimeError):
        found = Path()
    if base != found and base not in found.parents:
        raise InvalidUpload(f"{_shown(place)} is outside the folder of runs; name a file or folder within it")
    if not found.exists():
        raise InvalidUpload(
            f"there is no {_shown(place)} in the folder of runs; name a file or folder within it"
        )
    return found


def offered() -> list[str]:
    """Runs within the root, what was written last first: files, and folders for what is read as one run."""
    base = root()
    if base is None or not base.is_dir():
        return []
    newest: dict[str, float] = {}
    for number, file in enumerate(_files(base)):
        if number >= MOST_FILES:
            break
        kind = _rank(file)
        if kind is None:
            continue
        is_part = file.name.startswith(EVENTS) or file.name == STATE
        run = _run_of(file, base) if is_part else file
        try:
            written = file.stat().st_mtime
        except OSError:
            continue
        name = run.relative_to(base).as_posix() or "."
        newest[name] = max(newest.get(name, 0.0), written)
    return sorted(newest, key=lambda name: -newest[name])[:NEWEST_FIRST]


def logs_of(path: Path) -> list[tuple[Path, str]]:
    """The files of one run, each with what its folder says of it; the newest of the kind that grows soonest.

    Raises:
        InvalidUpload: where a folder holds no log.
    """
    if path.is_file():
        return [(path, "")]
    ranked: dict[int, list[tuple[float, Path]]] = {}
    for number, file in enumerate(_files(path)):
        if number >= MOST_FILES:
            break
        rank = _rank(file)
        if rank is not None:
            try:
                ranked.setdefault(rank, []).append((file.stat().st_mtime, file))
            except OSError:
                continue
    if not ranked:
        raise InvalidUpload(
            f"{_shown(path.name)} holds no log yet; follow it once its trainer has written one"
        )
    newest = max(ranked[min(ranked)])[1]
    if not newest.name.startswith(EVENTS):
        return [(newest, "")]
    beside = _beside(newest)
    return [(file, file.parent.name if len({each.parent for each in beside}) > 1 else "") for file in beside]


def _beside(newest: Path) -> list[Path]:
    """All event files of the run that one belongs to: those beside it, and in a twin folder of what was held out."""
    folders = [newest.parent]
    if newest.parent.name.lower() in HELD_OUT | TRAIN:
        folders = [each for each in newest.parent.parent.iterdir() if each.name.lower() in HELD_OUT | TRAIN]
    found = [file for folder in folders for file in folder.glob(f"{EVENTS}*")]
    return sorted(found, key=lambda file: file.name)[-MOST_BESIDE:]


def _run_of(file: Path, base: Path) -> Path:
    """The folder that is one run: that of an event file, or the one whose checkpoints have states."""
    folder = file.parent
    if folder.name.startswith("checkpoint") or folder.name.lower() in HELD_OUT | TRAIN:
        folder = folder.parent
    return folder if base == folder or base in folder.parents else base


def _rank(file: Path) -> int | None:
    """How soon a file tells a step; None of what is no log."""
    name = file.name.lower()
    if name == "metrics.jsonl":
        return 0
    if name.startswith(EVENTS):
        return 2
    if name == STATE:
        return 5
    if name.endswith(".jsonl") and ("log" in name or "metric" in name or "history" in name):
        return 1
    if name in TABLES:
        return 3
    return 4 if name.endswith(LOGS) and ("log" in name or "metric" in name or "train" in name) else None


def _files(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Files of a folder and those below it; links to folders are not gone into."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST and not entry.name.startswith("."):
                yield from _files(Path(entry.path), depth + 1)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _shown(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:80] or "it"
