"""Fields for what people ask of an endpoint: requests a second, how they come, and how long they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.serving import CHAT_INPUT, CHAT_OUTPUT, Demand, Traffic

if TYPE_CHECKING:
    from vapor_core.contracts.entries import Dataset

CHAT, DATA, OWN = "a chat", "the training data", "as below"
PROMPT_SHARE = 0.5  # of an example's tokens, where data does not say what of it is the prompt
FEWEST_RATE, MOST_RATE = 0.01, 100_000.0
MOST_TOKENS = 1_000_000
MEANS = {
    "steady": "always as many",
    "daily": "over the day, at most as many",
    "spike": "six times a day as many, a tenth in between",
    "ramp": "from a tenth up to as many within two hours",
}


def demand_fields(first: Demand, dataset: str | Dataset | None, key: str) -> Demand:
    """Draw them, filled with `first`, and give what they say."""
    left, right = st.columns(2)
    rate = left.number_input(
        "Requests a second",
        FEWEST_RATE,
        MOST_RATE,
        min(max(first.requests_per_second, FEWEST_RATE), MOST_RATE),
        format="%.4g",
        key=f"{key}_rate",
        help="That people send at the busiest time, whatever model answers",
    )
    pattern = right.segmented_control(
        "Pattern",
        get_args(Traffic),
        default=first.pattern,
        required=True,
        key=f"{key}_pattern",
        help=". ".join(f"{name}: {meaning}" for name, meaning in MEANS.items()),
    )
    tokens_in, tokens_out = _lengths(first, dataset, key)
    return Demand(requests_per_second=rate, input_tokens=tokens_in, output_tokens=tokens_out, pattern=pattern)


def described(demand: Demand | None) -> str:
    """In a few words, for a caption."""
    if demand is None:
        return "as many requests as its first replicas bear"
    return (
        f"{text.rate(demand.requests_per_second, 'req')} asked, {demand.pattern}, "
        f"{text.whole(demand.input_tokens)} tokens in and {text.whole(demand.output_tokens)} out"
    )


def _lengths(first: Demand, dataset: str | Dataset | None, key: str) -> tuple[float, float]:
    """Tokens in and out of a request: a chat's, the training data's, or a person's own."""
    asked = (first.input_tokens, first.output_tokens)
    kinds = {CHAT: (CHAT_INPUT, CHAT_OUTPUT)} | ({DATA: _of(dataset)} if dataset is not None else {})
    began = next((name for name, lengths in kinds.items() if lengths == asked), OWN)
    left, middle, right = st.columns(3)
    kind = left.selectbox(
        "Requests as long as",
        [*kinds, OWN],
        index=[*kinds, OWN].index(began),
        key=f"{key}_kind",
        help="A chat as in ShareGPT; of training data half an example counts as the prompt",
    )
    fixed = kinds.get(kind)
    now = fixed or asked
    name = f"{key}_{kind}"
    tokens_in = middle.number_input(
        "Tokens in", 1, MOST_TOKENS, round(now[0]), key=f"{name}_in", disabled=fixed is not None
    )
    tokens_out = right.number_input(
        "Tokens out", 1, MOST_TOKENS, round(now[1]), key=f"{name}_out", disabled=fixed is not None
    )
    return (float(tokens_in), float(tokens_out)) if fixed is None else fixed


def _of(dataset: str | Dataset) -> tuple[float, float]:
    mean = catalog.dataset(dataset).mean_tokens
    prompt = max(round(mean * PROMPT_SHARE), 1)
    return float(prompt), float(max(round(mean) - prompt, 1))
