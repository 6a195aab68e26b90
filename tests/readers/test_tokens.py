"""The estimate of tokens is near a real tokenizer's counts, and the same for a text alone and among others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.readers.tokens import BATCH_BYTES, count_tokens

# Counted with the Tekken tokenizer of mistral-common 1.13 (131,072 tokens).
COUNTED = [
    (
        "Everyone has the right to freedom of thought, conscience and religion; this right includes freedom to "
        "change his religion or belief, and freedom, either alone or in community with others and in public or "
        "private, to manifest his religion or belief in teaching, practice, worship and observance.",
        56,
    ),
    (
        "def total(prices: list[float], tax_rate: float = 0.19) -> float:\n"
        '    """Sum of prices with tax."""\n'
        "    if not prices:\n        return 0.0\n    return round(sum(prices) * (1.0 + tax_rate), 2)\n",
        64,
    ),
    (
        "Toute personne a droit à la liberté de pensée, de conscience et de religion ; ce droit implique la "
        "liberté de changer de religion ou de conviction ainsi que la liberté de manifester sa religion ou sa "
        "conviction.",
        42,
    ),
    (
        "Каждый человек имеет право на свободу мысли, совести и религии; это право включает свободу менять "
        "свою религию.",
        29,
    ),
    ("人人有思想、良心和宗教自由的权利；此项权利包括改变他的宗教或信仰的自由。", 30),
]


@pytest.mark.parametrize(("text", "tokens"), COUNTED, ids=["English", "code", "French", "Russian", "Chinese"])
def test_the_estimate_is_near_a_real_tokenizer(text, tokens):
    assert count_tokens([text])[0] == pytest.approx(tokens, rel=0.25)


@given(st.lists(st.text(max_size=60), max_size=12))
def test_a_text_counts_the_same_alone_and_among_others(texts):
    together = count_tokens(texts)
    assert together.tolist() == [int(count_tokens([text])[0]) for text in texts]


@given(st.text(min_size=1, max_size=200))
def test_any_text_has_at_least_one_token_and_at_most_three_a_character(text):
    assert 1 <= count_tokens([text])[0] <= 3 * len(text) + 1


def test_nothing_has_no_tokens():
    assert count_tokens([]).tolist() == []
    assert count_tokens([""]).tolist() == [0]


def test_lone_surrogates_are_counted_and_not_refused():
    assert count_tokens(["\ud800", "\ud800 word"]).tolist() == count_tokens(["?", "? word"]).tolist()


def test_batches_do_not_change_the_counts():
    long = "many words of text " * (BATCH_BYTES // 19 + 1)
    assert count_tokens(["first", long, "last"]).tolist() == [1, int(count_tokens([long])[0]), 1]
