"""Every card of the catalog has peaks, a link and their sources; prices say who asks them, and since when."""

import json
import re
from datetime import date
from importlib.resources import files

import pytest

from vapor_core import catalog
from vapor_core.contracts.entries import Quote

ACCELERATORS = (
    "nvidia-t4",
    "nvidia-v100-16gb",
    "nvidia-v100-32gb",
    "nvidia-l4",
    "nvidia-a10",
    "nvidia-a10g",
    "nvidia-a30",
    "nvidia-a40",
    "nvidia-a100-40gb",
    "nvidia-a100-80gb",
    "nvidia-l40",
    "nvidia-l40s",
    "nvidia-h100-80gb",
    "nvidia-h100-pcie",
    "nvidia-h100-nvl",
    "nvidia-gh200",
    "nvidia-h20",
    "nvidia-h200",
    "nvidia-b200",
    "nvidia-gb200",
    "nvidia-b300",
    "nvidia-gb300",
    "nvidia-rtx-a4000",
    "nvidia-rtx-a5000",
    "nvidia-rtx-a6000",
    "nvidia-rtx-6000-ada",
    "nvidia-rtx-pro-6000",
    "nvidia-rtx-3060",
    "nvidia-rtx-3070",
    "nvidia-rtx-3080",
    "nvidia-rtx-3080-ti",
    "nvidia-rtx-3090",
    "nvidia-rtx-3090-ti",
    "nvidia-rtx-4060-ti-16gb",
    "nvidia-rtx-4070",
    "nvidia-rtx-4070-ti-super",
    "nvidia-rtx-4080",
    "nvidia-rtx-4090",
    "nvidia-rtx-5060-ti-16gb",
    "nvidia-rtx-5070",
    "nvidia-rtx-5070-ti",
    "nvidia-rtx-5080",
    "nvidia-rtx-5090",
    "amd-mi210",
    "amd-mi250x",
    "amd-mi300x",
    "amd-mi325x",
    "amd-mi355x",
    "intel-gaudi2",
    "intel-gaudi3",
    "google-tpu-v4",
    "google-tpu-v5e",
    "google-tpu-v5p",
    "google-tpu-v6e",
    "apple-m1-max",
    "apple-m2-ultra",
    "apple-m3-max",
    "apple-m4",
    "apple-m4-max",
    "cpu",
)
AS_FAST_IN_FP8 = {"intel-gaudi3", "google-tpu-v6e"}
CARDS = pytest.mark.parametrize("card", catalog.accelerators(), ids=lambda entry: entry.id)


def test_accelerator_ids_are_those_of_the_design():
    assert tuple(entry.id for entry in catalog.accelerators()) == ACCELERATORS


@CARDS
def test_every_accelerator_has_peaks_price_and_their_sources(card):
    assert card.name
    assert card.vendor
    assert card.source
    assert card.power_w or "watts are not published" in card.note
    assert card.price_source
    assert (card.price_per_hour > 0) != (card.price_source == "no public hourly price found")
    assert re.fullmatch(r"(20\d\d-\d\d(-\d\d)?)?", card.price_date)
    assert card.peak_tflops("bf16") >= card.fp32_tflops
    assert card.cards_per_node <= card.capacity


@pytest.mark.parametrize(
    "card", [each for each in catalog.accelerators() if each.fp8_tflops], ids=lambda each: each.id
)
def test_fp8_is_twice_as_fast_as_bf16_where_a_card_has_it(card):
    times = 1 if card.id in AS_FAST_IN_FP8 else 2
    assert card.fp8_tflops == pytest.approx(times * card.bf16_tflops, rel=0.02)


@CARDS
def test_no_card_is_said_to_compute_faster_than_its_peak(card):
    # clocks above the data sheet's: 1.21 times on an RTX 5090
    assert (card.measured_tflops or 0) <= 1.25 * max(card.bf16_tflops or 0, card.fp16_tflops or 0)
    assert (card.measured_fp8_tflops or 0) <= 1.1 * (card.fp8_tflops or 0)
    assert card.peak_tflops("fp4") >= card.peak_tflops("fp8") >= card.peak_tflops("bf16")


def test_only_cards_with_a_price_are_proposed():
    proposed = catalog.rented_cards()
    assert {card.vendor for card in proposed} == {"NVIDIA", "AMD"}
    assert all(card.price_per_hour > 0 for card in proposed)
    assert len(proposed) < len(catalog.accelerators())


@pytest.mark.parametrize("card", ["nvidia-h100-80gb", "nvidia-h200", "nvidia-a100-80gb", "nvidia-a100-40gb"])
def test_cards_that_are_rented_most_have_the_prices_of_three_providers(card):
    offers = catalog.quotes(catalog.accelerator(card))
    assert len({offer.provider for offer in offers}) >= 3
    dates = [offer.date for offer in offers]
    assert dates == sorted(dates, reverse=True)


def test_every_quote_is_of_a_card_of_the_catalog_and_says_where_it_was_read():
    for card, offers in json.loads(
        files("vapor_core.data").joinpath("prices.json").read_text(encoding="utf-8")
    ).items():
        assert card in ACCELERATORS
        for offer in offers:
            assert Quote(**offer).source


def test_a_provider_with_many_offers_does_not_outvote_the_others():
    offers = [
        Quote(provider=provider, usd_per_hour=usd)
        for provider, usd in (("one", 1.0), ("one", 1.2), ("one", 1.1), ("two", 3.0), ("three", 4.0))
    ]
    assert catalog.median_price(offers) == 3.0
    assert catalog.median_price([]) is None


@pytest.mark.parametrize(
    ("read_on", "old"),
    [("2026-11-26", False), ("2026-08-28", False), ("2026-08-27", True), ("2026-09", False), ("", True)],
)
def test_a_price_is_old_after_ninety_days_or_where_nobody_knows_its_day(read_on, old):
    assert catalog.is_old(read_on, date(2026, 11, 26)) == old


def test_a_card_of_ones_own_has_no_public_prices():
    h100 = catalog.accelerator("nvidia-h100-80gb")
    assert catalog.quotes(h100)
    assert catalog.quotes(h100.changed(price_per_hour=1.0)) == ()
