"""Weights that are unpacked once for all tests."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def unpacked_once(monkeypatch, tmp_path):
    """A runs folder of its own, in which the packaged model lies unpacked where another test has done so."""
    shared = Path(tempfile.gettempdir()) / "vapor-test-models"
    shared.mkdir(exist_ok=True)
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "models").symlink_to(shared)
    monkeypatch.setenv("VAPOR_RUNS", str(runs))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return runs


def pytest_collection_modifyitems(items):
    """Nothing trains where the packages are not; `make test-real` has them."""
    if find_spec("trl") is None:
        for item in items:
            if item.get_closest_marker("real"):
                item.add_marker(pytest.mark.skip(reason="the extra `local` is not installed"))
