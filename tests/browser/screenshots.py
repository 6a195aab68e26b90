"""The README's pictures, taken from the running app: `make screenshots`."""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.app import ROOT, chromium, serving

FOLDER = ROOT / "docs" / "screenshots"
SHOTS = (
    ("overview", "light", 1440, "Overview", ""),
    ("monitor", "light", 1440, "Monitor", "Alpaca on Qwen2.5 1.5B"),
    ("monitor", "dark", 1440, "Monitor", "Alpaca on Qwen2.5 1.5B"),
    ("monitor-phone", "light", 390, "Monitor", "Alpaca on Qwen2.5 1.5B"),
    ("train", "light", 1440, "Train", ""),
    ("deployment", "dark", 1440, "Deployments", "Assistant"),
)


def shoot(browser: Browser, url: str, shot: tuple[str, str, int, str, str]) -> None:
    """One picture of the demo workspace."""
    name, scheme, width, page_name, item = shot
    height = 900 if width > 500 else 844
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, base_url=url, device_scale_factor=1
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/?demo=1")
    page.get_by_text("Code completion").first.wait_for()
    if item:
        page.get_by_text(item).first.click()
        page.get_by_test_id("stVegaLiteChart").first.wait_for()
    elif page_name != "Overview":
        page.get_by_test_id("stSidebar").get_by_role("link", name=page_name, exact=True).click()
        page.get_by_role("heading", name="Estimate").wait_for()
    page.get_by_test_id("stToast").first.wait_for(state="detached")
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    page.wait_for_timeout(2500)  # charts fade in
    page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
    context.close()


def main() -> None:
    """Take all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = chromium(playwright)
        for shot in SHOTS:
            shoot(browser, server.url, shot)
        browser.close()


if __name__ == "__main__":
    main()
