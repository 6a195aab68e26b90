"""A real run from the form, in a browser: it starts, learns, pauses, goes on, stops, goes on and completes."""

import json
import re
import time

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.app import chromium, listen, serving

pytestmark = [pytest.mark.real, pytest.mark.browser]
MODEL, DATA = "SmolLM2 135M Instruct", "Python standard library"
STEPS = 40


@pytest.fixture
def page(tmp_path, unpacked_once):
    with (
        serving(tmp_path, VAPOR_BACKENDS="local", VAPOR_RUNS=str(unpacked_once)) as server,
        sync_playwright() as playwright,
    ):
        browser = chromium(playwright)
        fresh = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server.url).new_page()
        fresh.set_default_timeout(30_000)
        heard = listen(fresh)
        yield fresh
        fresh.screenshot(path=tmp_path / "last.png", full_page=True)
        browser.close()
        assert heard == []
        assert server.trouble() == []


def choose(page, label: str, option: str) -> None:
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(option)
    page.get_by_role("option", name=re.compile(option)).first.click()


def number(page, label: str, value: int) -> None:
    field = page.get_by_role("spinbutton", name=label)
    field.fill(str(value))
    field.press("Tab")
    page.wait_for_timeout(700)


def status(page, word: str, seconds: float = 90) -> None:
    expect(page.get_by_text(re.compile(rf"(^|\s){word}$")).first).to_be_visible(timeout=seconds * 1000)


def steps_done(page, least: int, seconds: float = 90) -> None:
    """Wait until the page tells so many steps."""
    told = page.get_by_text(re.compile(r"step [\d,]+ of [\d,]+")).first
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = re.search(r"step ([\d,]+) of", told.inner_text())
        if found and int(found[1].replace(",", "")) >= least:
            return
        page.wait_for_timeout(300)
    raise AssertionError(f"no {least} steps within {seconds} s: {told.inner_text()}")


def figure(page, name: str) -> str:
    """What a card tells."""
    card = page.get_by_test_id("stMetric").filter(has_text=name).first
    return card.get_by_test_id("stMetricValue").inner_text()


def test_a_person_trains_for_real_from_the_form(page, tmp_path):
    page.goto("/Train")
    page.get_by_role("radio", name="Run on this machine").click()
    page.get_by_role("button", name="Measure this machine").click()
    expect(page.get_by_text("measured here with torch").first).to_be_visible(timeout=150_000)
    choose(page, "Model", MODEL)
    choose(page, "Data set", DATA)
    rate = page.get_by_role("textbox", name="Learning rate")
    rate.fill("1e-3")
    rate.press("Tab")
    number(page, "Sequence length", 64)
    number(page, "Micro-batch", 1)
    number(page, "Gradient accumulation", 1)
    page.get_by_text("Advanced", exact=True).click()
    number(page, "Most steps", STEPS)
    page.get_by_role("button", name=re.compile("Train for real")).click()
    status(page, "running")
    expect(page.get_by_text("trained for real, by the wall clock")).to_be_visible()
    steps_done(page, 5)
    first = float(figure(page, "Eval loss"))
    page.get_by_role("button", name="Pause", exact=True).click()
    status(page, "paused")
    page.get_by_role("button", name="Resume", exact=True).click()
    status(page, "running")
    steps_done(page, 15)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Stop")).click()
    status(page, "stopped")
    page.get_by_role("button", name="Resume", exact=True).click()
    status(page, "completed", 180)
    assert float(figure(page, "Eval loss")) < first - 0.05
    page.reload()
    status(page, "completed")
    expect(page.get_by_text(re.compile("than rehearsed|As quick as rehearsed")).first).to_be_visible()
    expect(page.get_by_role("heading", name="Rehearsed and measured")).to_be_visible()
    page.get_by_role("button", name="Calibrate from this run").click()
    expect(page.get_by_text("Estimates are calibrated by").first).to_be_visible()
    page.get_by_role("link", name="Train", exact=True).first.click()
    expect(page.get_by_text("Corrected by runs of your own").first).to_be_visible()
    (told,) = tmp_path.glob("runs/*/job-1/metrics.jsonl")
    lines = [json.loads(line) for line in told.read_text().splitlines() if line]
    assert [line["step"] for line in lines if line["event"] == "log"] == list(range(1, STEPS + 1))
    assert [line["attempt"] for line in lines if line["event"] == "start"] == [1, 2, 3]
