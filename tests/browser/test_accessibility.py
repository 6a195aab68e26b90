"""Every page against axe-core's rules for WCAG 2.2 AA, light and dark, on a desk and on a phone."""

import re
from importlib.resources import files

import pytest

from vapor_ui.entrance import arrival

pytestmark = pytest.mark.browser

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """(tags) => axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]}).then(
  ({violations}) => violations.flatMap(({id, nodes}) => nodes.map(({target, html, any}) =>
    `${id}: ${any.map(({message}) => message).join("; ").slice(0, 160)} in ${html.slice(0, 160)}`)))"""
# Streamlit's own multiselect: white letters on any primary colour, and an input as wide as what is typed into it.
NOT_OURS = (
    re.compile(r"color-contrast: .*#ffffff, background color: #5cb3f0.* in <span title=.* · job-"),
    re.compile(r'target-size: .* in <input aria-label="Jobs" type="text" aria-autocomplete="list"'),
)
PAGES = {
    **{label: f"/{'' if label == 'Overview' else label}" for _, label, _ in arrival.PAGES},
    "Monitor of a job": "/Monitor?job=job-1",
    "Compare two": "/Compare?jobs=job-1,job-2",
    "an endpoint": "/Deployments?deployment=deployment-1",
}


def violations(page):
    """What axe-core finds wrong with the page as it is, one line an element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate(RUN, TAGS)
    return [told for told in found if not any(known.match(told) for known in NOT_OURS)]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_shuts_anybody_out(browser, server, scheme, width):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, base_url=server.url, color_scheme=scheme
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/?demo=1")
    page.get_by_text("Code completion").first.wait_for()
    found = {}
    for name, path in PAGES.items():
        page.goto(path)
        page.wait_for_selector("h1")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_timeout(1500)  # what fades in is faint until then
        if wrong := violations(page):
            found[name] = wrong
    context.close()
    assert found == {}
