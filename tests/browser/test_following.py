"""Runs that others start, in a real browser: a log that grows is followed, a rule tells what came to pass."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.app import ROOT, TROUBLE, free_port, listen, wait_for

pytestmark = pytest.mark.browser


@pytest.fixture
def served(tmp_path):
    """`vapor serve`, the folder whose runs it follows, and its log."""
    runs, port, log = tmp_path / "runs", free_port(), tmp_path / "server.log"
    runs.mkdir()
    env = {
        **os.environ,
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "default",
        "VAPOR_FOLLOW": str(runs),
        "VAPOR_RUNS": str(tmp_path / "kept"),
        "VAPOR_DATABASE_URL": str(tmp_path / "work.db"),
        "VAPOR_BACKENDS": "ray",
    }
    command = [sys.executable, "-c", "from vapor_cli.main import app; app()", "serve", "--headless"]
    with log.open("wb") as out:
        server = subprocess.Popen(  # noqa: S603 - our own
            [*command, "--port", str(port)], cwd=tmp_path, env=env, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}", runs
    finally:
        server.terminate()
        server.wait(10)
    printed = log.read_text(encoding="utf-8", errors="replace").splitlines()
    assert [line for line in printed if any(word in line.lower() for word in TROUBLE)] == []


@pytest.fixture
def here(browser, served):
    """A page of that server."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=served[0])
    page = context.new_page()
    page.set_default_timeout(30_000)
    heard = listen(page)
    yield page
    context.close()
    assert heard == []


def tell(runs, steps):
    with (runs / "log.jsonl").open("a") as file:
        file.writelines(
            json.dumps({"step": step, "loss": 3 - step / 100, "max_steps": 60}) + "\n" for step in steps
        )


def test_a_log_is_followed_as_it_grows_and_a_rule_tells_what_came_to_pass(here, served):
    tell(served[1], (10, 20))
    here.goto("/Monitor")
    here.get_by_role("button", name="Follow a run").click()
    here.get_by_role("button", name="Follow it").click()
    expect(here.get_by_text("A run of another program, followed as it goes")).to_be_visible()
    expect(here.get_by_text("step 20 of 60")).to_be_visible()
    tell(served[1], (30, 40))
    expect(here.get_by_text("step 40 of 60")).to_be_visible()
    here.get_by_role("button", name=re.compile("^Watch")).click()
    here.get_by_role("button", name="Keep this rule").click()
    expect(here.get_by_role("button", name="Watch · 1")).to_be_visible()
    here.keyboard.press("Escape")
    with (served[1] / "log.jsonl").open("a") as file:
        file.write('{"step": 50, "loss": NaN}\n')
    expect(here.get_by_text("The train loss is no number at step 50.").first).to_be_visible()
    here.get_by_role("button", name="Seen").click()
    expect(here.get_by_role("button", name="Seen")).to_have_count(0)


def test_a_trainer_that_has_the_address_shows_as_a_live_job_without_a_reload(here):
    here.goto("/Monitor")
    here.get_by_role("button", name="Log from a trainer").click()
    here.get_by_role("button", name="Make an address").click()
    shown = here.get_by_text(re.compile("^export MLFLOW_TRACKING_URI=")).first
    expect(shown).to_be_visible()
    address = shown.inner_text().split("=", 1)[1].strip()
    here.keyboard.press("Escape")
    began = int(time.time() * 1000)
    run = ask(address, "runs/create", experiment_id="0", run_name="from a trainer", start_time=began)["run"][
        "info"
    ]["run_id"]
    ask(address, "runs/log-metric", run_id=run, key="loss", value=2.5, step=1, timestamp=began)
    expect(here.get_by_text("No job to watch yet")).to_have_count(0)
    here.get_by_role("combobox", name="Job").click()
    here.get_by_role("option", name=re.compile("from a trainer")).click()
    expect(here.get_by_text("step 1")).to_be_visible()
    ask(address, "runs/log-metric", run_id=run, key="loss", value=2.4, step=2, timestamp=began + 1)
    expect(here.get_by_text("step 2")).to_be_visible()
    ask(address, "runs/update", run_id=run, status="FINISHED")
    expect(here.get_by_text("completed").first).to_be_visible()


def test_real_backends_are_offered_on_loopback_by_vapor_serve_too(here):
    here.goto("/Train")
    expect(here.get_by_role("radio", name="Run on a Ray cluster")).to_be_visible()


def ask(address, path, **fields):
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{address}/api/2.0/mlflow/{path}", json.dumps(fields).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read())
