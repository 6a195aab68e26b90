"""The words beside a choice of card: whose price is counted, and whether it is old by the page's clock."""

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from vapor_core import catalog


def draw(card_id: str, now: float) -> None:
    from vapor_core import catalog  # noqa: PLC0415 - the script runs by itself
    from vapor_ui.parts import prices  # noqa: PLC0415

    prices.note(catalog.accelerator(card_id), now=now)


def said(card_id, day):
    now = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    app = AppTest.from_function(draw, args=(card_id, now)).run()
    assert not app.exception
    return [one.value.replace("\\", "") for one in (*app.caption, *app.markdown)]


@pytest.mark.slow
@pytest.mark.parametrize(("day", "old"), [("2026-06-01", False), ("2026-06-09", True), ("2027-01-01", True)])
def test_a_price_is_marked_when_ninety_days_have_passed_on_the_pages_clock(day, old):
    counted = said("nvidia-rtx-5090", day)[0]
    assert "2026-03-10" in counted
    assert ("older than 90 days" in counted) == old


def test_a_price_of_no_known_day_is_not_taken_for_todays():
    assert ":orange-badge[undated]" in said("nvidia-l4", "2026-11-26")[0]


def test_a_card_that_nobody_rents_out_is_not_said_to_be_free():
    lines = said("nvidia-rtx-3060", "2026-11-26")
    assert lines == ["No public price by the hour is known; cost counts as 0."]


def test_each_provider_is_listed_with_its_own_price_and_day():
    lines = said("nvidia-h100-80gb", "2026-11-26")
    assert "median of 9 providers" in lines[0]
    for offer in catalog.quotes(catalog.accelerator("nvidia-h100-80gb")):
        assert any(line.startswith(offer.provider) and offer.date in line for line in lines)
