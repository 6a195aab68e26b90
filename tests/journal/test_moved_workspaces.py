"""The way back that docs/scaling.md gives to whose workspace was orphaned by another `cookie_secret` works."""

import re
from pathlib import Path

import pytest
import streamlit as st

from vapor_core.contracts.training import JobConfig
from vapor_core.workspace.store import Store
from vapor_ui.shell import settings, workspaces

DOC = Path(__file__).parents[2] / "docs" / "scaling.md"
ISSUER, SUBJECT = "https://accounts.example", "12345"


@pytest.fixture
def way_back():
    """The functions that the document defines."""
    found = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec("\n".join(found), names)  # noqa: S102 - our own document
    return names


@pytest.mark.parametrize("secret", ["old", "new", "x" * 100])
def test_it_names_the_workspace_as_the_app_does(way_back, monkeypatch, secret):
    monkeypatch.setattr(settings, "cookie_secret", lambda: secret)
    monkeypatch.setattr(workspaces, "signed_in", lambda: True)
    monkeypatch.setattr(st, "user", {"iss": ISSUER, "sub": SUBJECT})
    assert way_back["workspace"](ISSUER, SUBJECT, secret) == workspaces.person()


def test_another_cookie_secret_loses_nobodys_work(way_back, tmp_path):
    place = str(tmp_path / "work.db")
    old, new = (way_back["workspace"](ISSUER, SUBJECT, secret) for secret in ("old", "new"))
    store = Store.open(place, old)
    store.submit(JobConfig(model="openai-community/gpt2", max_steps=50), now=0.0, name="mine")
    store.set_speed(60.0, now=1.0)
    store.close()
    assert way_back["move"](place, old, new) == 2
    moved = Store.open(place, new)
    assert [job.name for job in moved.jobs()] == ["mine"]
    moved.close()
