"""The refresh timer costs a person nothing: no press is lost, and no page that has come is blanked."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_flows import opened, settled, visit

pytestmark = pytest.mark.browser


def test_a_filter_pressed_just_after_a_speed_is_heard(page):
    """The guard dropped whatever left within 0.3 s of a full rerun: 16 to 23 of 24 such presses."""
    opened(page, "/?demo=1")
    page.get_by_text("Code completion").first.wait_for()
    visit(page, "Models")
    visit(page, "Overview")
    for wait_ms in (20, 60, 120, 180):
        page.get_by_role("radio").first.click()  # paused: no tick brings the filter along later
        expect(page.get_by_text("· paused")).to_be_visible()
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
