"""The refresh timer costs a person nothing: no press is lost, and no page that has come is blanked."""

import re
import signal
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser.test_flows import PAGES, opened, settled, visit

pytestmark = pytest.mark.browser


def test_a_filter_pressed_just_after_a_speed_is_heard(page):
    """The guard dropped whatever left within 0.3 s of a full rerun: 16 to 23 of 24 such presses."""
    opened(page, "/?demo=1")
    page.get_by_text("Code completion").first.wait_for()
    visit(page, "Models")
    visit(page, "Overview")
    for wait_ms in (20, 60, 120, 180):
        page.get_by_role("radio").first.click()  # paused: no tick brings the filter along later
        expect(page.get_by_text(re.compile(r"day \d+, [\d:]+ · paused"))).to_be_visible()
        settled(page)
        page.get_by_role("radio", name="all", exact=True).click()
        settled(page)
        page.wait_for_timeout(400)
        page.get_by_role("radio", name="1×", exact=True).click()
        page.get_by_role("radio").first.click()
        page.wait_for_timeout(wait_ms)
        page.get_by_role("radio", name="stopped", exact=True).click()
        expect(page.get_by_text("No job is stopped.")).to_be_visible(timeout=5000)


def test_a_button_that_leads_away_and_back_leaves_no_blank_page(page):
    opened(page, "/?demo=1")
    page.get_by_text("Code completion").first.wait_for()
    for turn in range(12):
        page.wait_for_timeout(100 + 83 * turn % 1000)
        page.get_by_role("button", name="Start new training").click()
        expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
        page.wait_for_timeout(700)
        expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
        visit(page, "Overview")


def test_the_timer_goes_on_after_a_press_that_leads_nowhere(page):
    opened(page, "/?demo=1")
    page.get_by_text("Code completion").first.wait_for()
    clock = page.get_by_text(re.compile("· simulated"))
    page.get_by_role("button", name="File").click()  # opens by itself, without a run
    seen = clock.inner_text()
    expect(clock).not_to_have_text(seen, timeout=6000)


@contextmanager
def busy(server):
    """A server that answers nobody for a while."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_a_click_that_a_busy_server_has_not_heard_yet_is_not_taken_back_by_a_tick(browser, server):
    """A sidebar that folds away pressed a button, and the page that was asked for was awaited two seconds only."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=server.url)
    page = context.new_page()
    page.set_default_timeout(30_000)
    opened(page, "/?demo=1")
    page.get_by_text("Code completion").first.wait_for()
    page.get_by_test_id("stExpandSidebarButton").click()
    with busy(server):
        page.get_by_test_id("stSidebar").get_by_role("link", name="Train", exact=True).click()
        page.wait_for_timeout(5000)
    expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
    page.wait_for_timeout(2000)  # in which a tick of the page that was left would blank this one
    expect(page.get_by_role("button", name="Start training")).to_be_visible(timeout=2000)
    context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_no_click_on_a_page_is_lost_where_the_browser_is_slow(browser, server, width):
    context = browser.new_context(viewport={"width": width, "height": 844}, base_url=server.url)
    page = context.new_page()
    page.set_default_timeout(60_000)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 5})
    opened(page, "/?demo=1")
    for turn in range(25):
        name = (*PAGES, "Overview")[turn % (len(PAGES) + 1)]
        if width < 500:
            page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        page.wait_for_timeout(83 * turn % 1000)
    context.close()
