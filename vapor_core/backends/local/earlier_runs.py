"""What earlier runs on this machine took until their first step: what no law knows as well as the machine does."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import islice
from pathlib import Path

LATEST = 40  # runs that are looked at
COUNTED = 5  # runs like the one that is asked for
FIRST_LINES = 400  # of a run's metrics, among which its first step is
ALIKE = ("model", "method", "dataset")  # fields of a configuration on which loading and preparing depend most


def started_s(root: Path, config: dict[str, object]) -> tuple[float, ...]:
    """Seconds until the first step of the latest runs of this model, method and data; () where there were none."""
    found: list[float] = []
    for folder in _latest(root):
        told = _told(folder)
        if told is not None and all(told[0].get(name) == config.get(name) for name in ALIKE):
            found.append(told[1])
        if len(found) == COUNTED:
            break
    return tuple(found)


def _latest(root: Path) -> list[Path]:
    """Folders of runs, the one that wrote last first."""
    places = []
    for path in root.glob("*/job-*/metrics.jsonl"):
        try:
            places.append((path.stat().st_mtime_ns, path.parent))
        except OSError:
            continue
    return [place for _, place in sorted(places, reverse=True)[:LATEST]]


def _told(folder: Path) -> tuple[dict[str, object], float] | None:
    try:
        return _read(folder, (folder / "spec.json").stat().st_ino)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@lru_cache(maxsize=LATEST)
def _read(folder: Path, _: int) -> tuple[dict[str, object], float]:
    """A run's configuration and its start-up; not remembered before its first step is told.

    Raises:
        ValueError, KeyError, TypeError, OSError: where there is none yet, or another version wrote it.
    """
    config = dict(json.loads((folder / "spec.json").read_bytes())["config"])
    with (folder / "metrics.jsonl").open("rb") as file:
        for line in islice(file, FIRST_LINES):
            if b'"log"' not in line:
                continue
            event = json.loads(line)
            if event.get("attempt") == 1 and event.get("step") == 1:
                return config, max(float(event["elapsed_s"]) - float(event["step_time_s"]), 0.0)
    raise ValueError("it has not done its first step")
