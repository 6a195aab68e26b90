"""A real run from the form, in a browser: it starts, learns, pauses, goes on, stops, goes on and completes."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.app import chromium, listen, serving

pytestmark = [pytest.mark.real, pytest.mark.browser]
MODEL, DATA = "SmolLM2 135M Instruct", "Python standard library"
STEPS = 60


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
    expect(page.get_by_text(re.compile(rf"^{word}$")).first).to_be_visible(timeout=seconds * 1000)


def steps(page) -> int:
    """Steps done, as the page tells."""
    told = page.get_by_text(re.compile(r"^[\d,]+ / [\d,]+$|of [\d,]+ steps")).first.inner_text()
    return int(re.search(r"[\d,]+", told)[0].replace(",", ""))


def test_a_person_trains_for_real_from_the_form(page, tmp_path):
    page.goto("/Train")
    page.get_by_role("radio", name="Run on this machine").click()
    page.get_by_role("button", name="Measure this machine").click()
    expect(page.get_by_text("measured here with torch").first).to_be_visible(timeout=150_000)
    choose(page, "Model", MODEL)
    choose(page, "Data set", DATA)
    number(page, "Sequence length", 64)
    number(page, "Micro-batch", 1)
    number(page, "Gradient accumulation", 1)
    page.get_by_text("Advanced", exact=True).click()
    number(page, "Most steps", STEPS)
    page.screenshot(path=tmp_path / "form.png", full_page=True)
    page.get_by_role("button", name=re.compile("Train for real")).click()
    status(page, "running")
    page.screenshot(path=tmp_path / "running.png", full_page=True)
