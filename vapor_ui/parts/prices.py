"""What an hour of a card costs at which provider, and since when somebody knows: small words beside a choice of card.

The clock is the caller's.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.entries import Accelerator, Quote

MOST = 12  # offers that are listed


def note(card: Accelerator, *, now: float) -> None:
    """The price that is counted, its day, and what others ask; `now` in seconds since the epoch."""
    today, offers = datetime.fromtimestamp(now, UTC).date(), catalog.quotes(card)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_counted(card, offers, today), width="stretch")
        if len(offers) > 1:
            with st.popover("Prices", type="tertiary", icon=":material/payments:", width="content"):
                _all(offers, today)


def _counted(card: Accelerator, offers: Sequence[Quote], today: date) -> str:
    if not card.price_per_hour:
        return "No public price by the hour is known; cost counts as 0."
    said = f"{text.plain(card.price_source or 'your own price', 160)}{_day(card.price_date, today)}"
    middle, providers = catalog.median_price(offers), len({offer.provider for offer in offers})
    if middle is not None and providers > 1 and not card.price_source.startswith("median"):
        said += f" · median of {providers} providers {text.plain(text.money(middle))}"
    return said


def _day(read_on: str, today: date) -> str:
    """The day of a price, marked where it is old; "" where a card of one's own gives none."""
    if not catalog.is_old(read_on, today):
        return f", {read_on}"
    return f" :orange-badge[{read_on or 'undated'}{', older than 90 days' if read_on else ''}]"


def _all(offers: Sequence[Quote], today: date) -> None:
    st.markdown("**One card, an hour**")
    for offer in offers[:MOST]:
        where = f" ({text.plain(offer.place)})" if offer.place else ""
        price = f"**{text.plain(text.money(offer.usd_per_hour))}**{_day(offer.date, today)}"
        st.markdown(f"{text.plain(offer.provider)}{where} {price}")
        st.caption(text.plain(offer.source, 120))
