"""What a person types is theirs: no run of the page may draw its field anew under their hands."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_flows import opened, settled

pytestmark = pytest.mark.browser

SAME = "field => field.dataset.seen === 'before'"


def marked(page: Page, label: str):
    """A field that would be known again."""
    field = page.get_by_label(label, exact=True)
    field.evaluate("field => { field.dataset.seen = 'before' }")
    return field


@pytest.mark.parametrize("label", ["Learning rate", "Name of the run"])
def test_a_field_is_never_drawn_anew_while_something_is_typed_into_it(page, label):
    opened(page, "/Train")
    field = marked(page, label)
    page.get_by_label("Learning rate", exact=True).fill(
        "1e-6"
    )  # brings a risk, and with it a line above the name
    expect(page.get_by_text("below what suits this run")).to_be_visible()
    settled(page)
    assert field.evaluate(SAME)


def test_a_refusal_that_comes_and_goes_leaves_the_form_where_it_is(page):
    opened(page, "/Train")
    name = marked(page, "Name of the run")
    rate = page.get_by_label("Learning rate", exact=True)
    rate.fill("fast")
    expect(page.get_by_text("Learning rate should be a number")).to_be_visible()
    rate.fill("2e-4")
    expect(page.get_by_text("Learning rate should be a number")).to_have_count(0)
    settled(page)
    assert name.evaluate(SAME)
