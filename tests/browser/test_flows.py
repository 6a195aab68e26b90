"""The flows of the product in a real browser: by mouse, by keyboard, on a phone, and by address."""

import re

import pytest
from playwright.sync_api import Page, expect

from vapor_ui.entrance import arrival

pytestmark = pytest.mark.browser
PAGES = tuple(label for _, label, _ in arrival.PAGES[1:])  # Overview is where each test begins


def settled(page: Page) -> Page:
    """The page once its script has run."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    return page


def opened(page: Page, path: str = "/") -> Page:
    page.goto(path)
    page.wait_for_selector("h1")
    return settled(page)


def visit(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    settled(page)


def test_a_run_is_configured_watched_finished_deployed_and_its_requests_seen(page):
    opened(page)
    page.get_by_role("button", name="Start empty").click()
    page.get_by_text("Start new training").first.click()
    expect(page.get_by_role("heading", name="Estimate")).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Monitor", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/Monitor\?job="))
    expect(page.get_by_text("running", exact=False).first).to_be_visible(timeout=60_000)
    chart = page.get_by_test_id("stVegaLiteChart").first
    expect(chart).to_be_visible()
    drawn = page.get_by_text(re.compile(r"step [\d,]+ of")).first
    early = drawn.inner_text()
    page.get_by_role("radio", name="3600×").click()
    expect(page.get_by_text("completed", exact=False).first).to_be_visible(timeout=120_000)
    expect(drawn).not_to_have_text(early)
    expect(chart).to_be_visible()
    page.get_by_role("button", name="Deploy").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", name="Deployments", level=1)).to_be_visible()
    expect(page.get_by_text("healthy").first).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()


def test_the_demo_opens_by_one_click_and_stays_dismissed(page):
    opened(page)
    page.get_by_role("button", name="Open the demo workspace").click()
    expect(page.get_by_text("Code completion")).to_be_visible()
    opened(page)
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Open the demo workspace")).to_have_count(0)


def test_a_button_pressed_right_after_a_dialog_opens_is_not_lost_as_a_late_tick(page):
    page.goto("/")
    page.get_by_role("button", name="Start empty").click()  # at once, as no hand could
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_form_works_by_keyboard(page):
    opened(page, "/Train")
    rate = page.get_by_label("Learning rate", exact=True)
    rate.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("1e-6")
    page.keyboard.press("Enter")
    expect(page.get_by_text("below what suits this run")).to_be_visible()  # the estimate has followed
    start = page.get_by_role("button", name="Start training")
    start.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Monitor", level=1)).to_be_visible()


def test_bad_input_in_the_form_is_one_sentence_and_starts_nothing(page):
    opened(page, "/Train")
    rate = page.get_by_label("Learning rate", exact=True)
    rate.fill("fast")
    rate.press("Enter")
    settled(page)
    expect(page.get_by_text("Learning rate should be a number")).to_have_count(1)
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    expect(page.get_by_text("Traceback")).to_have_count(0)
    visit(page, "Overview")
    expect(page.get_by_text("Nothing has been trained here yet")).to_be_visible()


def test_a_deep_link_opened_first_and_the_back_button(page):
    opened(page, "/Monitor?job=job-77")
    expect(page.get_by_text(re.compile("job-77"))).to_be_visible()
    visit(page, "Models")
    visit(page, "Compare")
    page.go_back()
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1440, "dark")])
def test_no_page_is_wider_than_its_window(browser, server, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 844}, base_url=server.url, color_scheme=scheme
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    opened(page, "/?demo=1")
    for name in ("", *PAGES):
        if name:
            if width < 500:
                page.get_by_test_id(
                    "stExpandSidebarButton"
                ).click()  # the sidebar folded after the last click
            visit(page, name)
        wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name or 'Overview'} is {wide} px too wide at {width} px"
    context.close()
