"""Models in folders of this machine that a run can start from: each folder in VAPOR_MODELS that holds one."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import VaporError
from vapor_core.hub.folders import CONFIG, model_in

MODELS = "VAPOR_MODELS"  # the folder of folders
PREFIX = "this-machine/"  # of their ids
MOST_OFFERED = 200


def offered() -> tuple[CatalogModel, ...]:
    """The models that there are, by name; a folder that holds none that Vapor can read is left out."""
    root = _root()
    if root is None or not root.is_dir():
        return ()
    folders = sorted(each for each in root.iterdir() if (each / CONFIG).is_file())[:MOST_OFFERED]
    found = [_read(each, (each / CONFIG).stat().st_mtime_ns) for each in folders]
    return tuple(each for each in found if each is not None)


def folder_of(model: CatalogModel) -> Path | None:
    """Where a model of this machine lies; None where it is not one, or is there no more."""
    root, name = _root(), model.id.removeprefix(PREFIX)
    if root is None or name == model.id or name != Path(name).name or name in (".", ".."):
        return None
    folder = root / name
    return folder if (folder / CONFIG).is_file() else None


def is_own(model: CatalogModel) -> bool:
    """Whether a model's id says that it lies in a folder of the machine."""
    return model.id.startswith(PREFIX)


def _root() -> Path | None:
    named = os.environ.get(MODELS)
    return Path(named).expanduser() if named else None


@lru_cache(maxsize=MOST_OFFERED)
def _read(folder: Path, changed_ns: int) -> CatalogModel | None:
    try:
        return model_in(folder, PREFIX + folder.name)
    except VaporError:
        return None
