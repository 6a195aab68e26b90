"""The words for numbers, and text from outside made harmless."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core import text
from vapor_core.contracts.training import JobConfig
from vapor_core.contracts.workspace import Job

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-360M")


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (0, "$0.00"),
        (0.004, "< $0.01"),
        (0.42, "$0.42"),
        (999.994, "$999.99"),
        (1234.5, "$1,234"),
        (2_500_000, "$2.5M"),
        (-3, "-$3.00"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_money(usd, words):
    assert text.money(usd) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.25, "250 ms"),
        (45, "45 s"),
        (59.7, "1 min"),
        (720, "12 min"),
        (3599, "1 h"),
        (8100, "2 h 15 min"),
        (86_399, "1 d"),
        (3.2 * 86_400, "3 d 5 h"),
        (-60, "-1 min"),
        (math.inf, "–"),
    ],
)
def test_duration(seconds, words):
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "0"),
        (7, "7"),
        (999.9, "1k"),
        (12_345, "12.3k"),
        (1e6, "1M"),
        (3.4e9, "3.4B"),
        (2e12, "2T"),
        (0.0123, "0.012"),
    ],
)
def test_count(n, words):
    assert text.count(n) == words


@pytest.mark.parametrize(("rate", "words"), [(2e-4, "2e-4"), (1.25e-5, "1.25e-5"), (0, "0"), (None, "–")])
def test_learning_rate(rate, words):
    assert text.learning_rate(rate) == words


@pytest.mark.parametrize(
    ("gb", "words"), [(0.35, "350 MB"), (9.8, "9.8 GB"), (31.24, "31.2 GB"), (1200, "1.2 TB")]
)
def test_gigabytes(gb, words):
    assert text.gigabytes(gb) == words


@pytest.mark.parametrize(
    ("status", "step", "eta_s", "words"),
    [
        ("running", 450, 8100.0, "45 % · 2 h 15 min left"),
        ("running", 3, None, "0 %"),
        ("running", 999, 1.0, "99 % · 1 s left"),
        ("queued", 0, None, "waiting for an accelerator"),
        ("initializing", 0, None, "loading model and data"),
        ("paused", 500, None, "50 % · paused"),
        ("completed", 1000, None, "100 % · completed"),
    ],
)
def test_eta_is_told_only_where_it_means_something(status, step, eta_s, words):
    job = Job(
        id="j",
        name="n",
        config=CONFIG,
        status=status,
        submitted_s=0,
        step=step,
        total_steps=1000,
        eta_s=eta_s,
    )
    assert text.eta(job) == words


def test_clock_counts_days_from_one():
    assert text.clock(90_061) == "day 2, 01:01:01"


@pytest.mark.parametrize(
    "hostile",
    [
        "**bold**",
        "[link](https://evil.example)",
        "<script>alert(1)</script>",
        "$x^2$",
        ":red[danger]",
        "# heading",
        "| a | b |",
        "`code`",
        "1. item",
        "- item",
        "a -- b",
        "~~gone~~",
    ],
)
def test_no_sign_of_markup_is_left_unescaped(hostile):
    sign = r"[*_\[\]<>$#|`~.-]"
    assert re.search(sign, hostile)
    assert not re.search(rf"(?<!\\){sign}", text.plain(hostile))


@pytest.mark.parametrize(
    "code", [":material/star:", ":smile:", "https://evil.example", "www.evil.example", "a@b.c"]
)
def test_icons_emoji_and_links_are_parted(code):
    active = r":[\w/+-]|//\w|(?i:www)\.|@\w"
    assert re.search(active, code)
    assert not re.search(active, text.plain(code).replace("\\", ""))


@given(st.text(max_size=200))
def test_plain_text_is_one_bounded_line(words):
    shown = read_as_markdown(text.plain(words, limit=100))
    assert "\n" not in shown and "\r" not in shown
    assert len(shown) <= 100


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=100))
def test_plain_text_reads_as_it_was(words):
    assert read_as_markdown(text.plain(words, limit=100)) == words


def read_as_markdown(shown):
    return shown.replace("\u2060", "").replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")
