"""A model that the Hub does not give ends a run in one sentence; real libraries, a Hub on loopback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_server import GATED, MISSING, running

pytestmark = [pytest.mark.real, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
LOAD = """
import sys
from pathlib import Path
from transformers import AutoTokenizer
from vapor_core.program import hub_errors
try:
    AutoTokenizer.from_pretrained(sys.argv[1])
except Exception as error:
    print(hub_errors.of_run(error, Path(sys.argv[2])))
"""


def said(tmp_path, name, **environment):
    """What a run of this model ends with."""
    spec = {"model": {"source": "hub", "name": name}, "data": {"source": "standard_library", "name": "x"}}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    known = {"PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path / "hub"), "PATH": "", **environment}
    command = [sys.executable, "-W", "ignore", "-c", LOAD, name, str(tmp_path)]
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (GATED, "acme/gated is gated: accept its licence"),
        (MISSING, "the Hub shows no acme/gated: check the name"),
    ],
)
def test_what_the_hub_refuses_says_what_to_do(tmp_path, reply, words):
    with running() as hub:
        for file in ("config.json", "tokenizer_config.json", "tokenizer.json"):
            hub.routes[f"/acme/gated/resolve/main/{file}"] = reply
        hub.routes["/api/models/acme/gated"] = reply
        assert words in said(tmp_path, "acme/gated", HF_ENDPOINT=hub.url)


def test_offline_says_so(tmp_path):
    assert "HF_HUB_OFFLINE" in said(tmp_path, "acme/tiny", HF_HUB_OFFLINE="1")


def test_no_network_says_so(tmp_path):
    assert "cannot be reached" in said(tmp_path, "acme/tiny", HF_ENDPOINT="http://127.0.0.1:9")
