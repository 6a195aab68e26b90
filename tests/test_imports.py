"""Every module can be imported by itself, with the lowest and the newest versions of what Vapor stands on."""

import importlib
import pkgutil
from importlib.metadata import version

import pytest

import vapor_api
import vapor_cli
import vapor_core
import vapor_ui
from tests.lowest import constraints

MODULES = [
    found.name
    for package in (vapor_core, vapor_ui, vapor_api, vapor_cli)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith("__main__")
]
TRAINS = {
    f"vapor_core.program.{part}"
    for part in ("data", "hub_run", "measure", "model", "telling", "train", "workers")
}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_be_imported(name):
    if name in TRAINS:
        for needed in ("trl", *(["ray"] if name.endswith("workers") else [])):
            pytest.importorskip(needed, reason="the training program stands on the extras `local` and `ray`")
    importlib.import_module(name)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


@pytest.mark.parametrize("pinned", constraints())
def test_what_is_installed_is_no_lower_than_what_is_asked_for(pinned):
    name, _, least = pinned.partition("==")
    assert numbers(version(name)) >= numbers(least)
