"""Nothing is lost and nobody peeks, in a real browser: reload, another browser, a restart, a link on a fresh server."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.app import listen, serving

pytestmark = pytest.mark.browser
STORED = "window.localStorage.getItem('vapor.workspace')"


def settled(page: Page) -> Page:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    return page


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    page.wait_for_selector("h1", timeout=60_000)
    return settled(page)


def visitor(browser: Browser, url: str) -> Page:
    """A browser with nothing in it."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=url).new_page()
    page.set_default_timeout(60_000)
    return page


def started(page: Page) -> str:
    """Start the default job; its address."""
    opened(page, "/Train")
    page.get_by_role("button", name="Start training").click()
    expect(page).to_have_url(re.compile(r"/Monitor\?job=job-1"))
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible(timeout=60_000)
    return page.url


def link_of(page: Page) -> str:
    page.get_by_test_id("stMain").get_by_role("button", name="Share").click()
    code = page.get_by_role("dialog").locator("code")
    expect(code).to_contain_text("world=")
    return code.inner_text().strip()


def test_a_reload_a_second_tab_and_a_restart_lose_nothing(browser, tmp_path):
    with serving(tmp_path) as first:
        page = visitor(browser, first.url)
        heard = listen(page)
        started(page)
        name = page.locator("h3").first.inner_text()
        page.reload()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        tab = page.context.new_page()
        opened(tab, f"{first.url}/")
        expect(tab.get_by_text(name).first).to_be_visible()
        kept = page.evaluate(STORED)
        assert re.fullmatch(r"[A-Za-z0-9_-]{32}", kept)
        assert kept not in page.url + tab.url
        assert heard == []
        port = int(first.url.rsplit(":", 1)[1])
        assert kept not in first.log.read_text()
    with serving(tmp_path, port=port) as second:
        opened(page, f"{second.url}/Monitor?job=job-1")
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        assert page.evaluate(STORED) == kept
        assert second.trouble() == []
    page.context.close()


def test_another_browser_sees_nothing_by_any_address(browser, server):
    mine, theirs = visitor(browser, server.url), visitor(browser, server.url)
    address = started(mine)
    name = mine.locator("h3").first.inner_text()
    opened(theirs, address)
    expect(theirs.get_by_text("no job").first).to_be_visible()
    kept = mine.evaluate(STORED)
    for path in (
        "/",
        f"/?workspace={kept}",
        f"/Monitor?job=job-1&workspace={kept}",
        f"/Compare?jobs=job-1&id={kept}",
    ):
        opened(theirs, path)
        expect(theirs.get_by_text(name)).to_have_count(0)
    assert theirs.evaluate(STORED) != kept
    for page in (mine, theirs):
        page.context.close()


def test_a_shared_link_shows_the_same_on_a_fresh_server_and_can_be_made_ones_own(browser, server, tmp_path):
    mine = visitor(browser, server.url)
    started(mine)
    name = mine.locator("h3").first.inner_text()
    mine.get_by_role("radio").first.click()
    expect(mine.get_by_text("· paused")).to_be_visible()
    settled(mine)
    figures = mine.get_by_test_id("stMetricValue").all_inner_texts()
    link = link_of(mine)
    with serving(tmp_path, XDG_DATA_HOME=str(tmp_path / "empty")) as fresh:
        theirs = visitor(browser, fresh.url)
        heard = listen(theirs)
        opened(theirs, link.replace(server.url, fresh.url))
        expect(theirs.get_by_text("Shared, read-only")).to_be_visible()
        expect(theirs.get_by_role("heading", name=name)).to_be_visible()
        expect(theirs.get_by_test_id("stMetricValue").first).to_be_visible()
        assert theirs.get_by_test_id("stMetricValue").all_inner_texts() == figures
        expect(theirs.get_by_role("button", name="Pause")).to_have_count(0)
        theirs.get_by_role("button", name="Make it mine").click()
        expect(theirs.get_by_text("Shared, read-only")).to_have_count(0)
        expect(theirs.get_by_role("button", name="Clone")).to_be_visible()
        assert "world=" not in theirs.url
        theirs.reload()
        expect(theirs.get_by_role("heading", name=name)).to_be_visible()
        assert heard == []
        assert fresh.trouble() == []
        theirs.context.close()
    mine.context.close()


def test_where_storage_is_blocked_the_workspace_lasts_as_long_as_the_tab(browser, server):
    page = visitor(browser, server.url)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('blocked'); }});"
    )
    opened(page, "/Train")
    expect(page.get_by_text("This browser keeps nothing")).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    expect(page).to_have_url(re.compile(r"/Monitor\?job=job-1"))
    name = page.locator("h3").first.inner_text()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_role("link", name=name)).to_be_visible()
    opened(page, "/Monitor?job=job-1")  # a new session, as after a reload
    expect(page.get_by_text(re.compile("no job"))).to_be_visible()
    page.context.close()


def test_a_corrupt_file_is_set_aside_and_said_and_a_place_that_cannot_be_opened_is_told(browser, tmp_path):
    place = tmp_path / "kept" / "vapor.db"
    place.parent.mkdir()
    place.write_bytes(b"this is no database" * 1000)
    with serving(tmp_path, VAPOR_DATABASE_URL=str(place)) as server:
        page = visitor(browser, server.url)
        opened(page, "/Train")
        expect(page.get_by_text("was corrupt; it is kept beside it")).to_be_visible()
        assert (place.parent / "vapor.db.corrupt-1").read_bytes().startswith(b"this is no database")
        page.get_by_role("button", name="Start training").click()
        expect(page).to_have_url(re.compile(r"/Monitor\?job=job-1"))
        page.context.close()
    folder = tmp_path / "a folder"
    folder.mkdir()
    with serving(tmp_path, VAPOR_DATABASE_URL=str(folder)) as server:
        page = visitor(browser, server.url)
        page.goto("/Train")
        expect(page.get_by_text("is a folder")).to_be_visible(timeout=60_000)
        folder.rmdir()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
        page.context.close()
