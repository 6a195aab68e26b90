"""One server and one Chromium for all browser tests; a fresh browser profile for each."""

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.app import chromium, listen, serving

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running
        assert running.trouble() == []


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        opened = chromium(playwright)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, server):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server.url)
    fresh = context.new_page()
    fresh.set_default_timeout(30_000)
    heard = listen(fresh)
    yield fresh
    context.close()
    assert heard == []
