"""Fields for the inference engine of an endpoint: which, and behind an expander what few people change."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from vapor_core.contracts.serving import Engine, EngineSettings, ServingPrecision

NAMES: dict[Engine, str] = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "tensorrt_llm": "TensorRT-LLM",
    "lmdeploy": "LMDeploy",
    "llama_cpp": "llama.cpp",
    "transformers": "transformers",
}
DEFAULT = "engine's own"
CHUNKS = {DEFAULT: None, "in chunks, beside the others": True, "whole, before the others": False}


def engine_field() -> Engine:
    """Whose defaults and schedule the endpoint has."""
    return st.selectbox(
        "Engine",
        list(NAMES),
        format_func=lambda name: NAMES[name],
        key="deploy_engine",
        help="It decides how memory is shared out, how prompts wait, and how fast a step is",
    )


def settings_fields(engine: Engine) -> EngineSettings:
    """The engine with what a person sets of it, behind an expander."""
    with st.expander("Engine settings"):
        left, right = st.columns(2)
        length = left.number_input(
            "Longest request (tokens)", 1, 10**7, None, placeholder=DEFAULT, key="deploy_length",
            help="max_model_len: prompt and answer together",
        )  # fmt: skip
        share = right.number_input(
            "Share of memory", 0.05, 1.0, None, 0.05, placeholder=DEFAULT, key="deploy_share",
            help="gpu_memory_utilization and the like: what the engine may take",
        )  # fmt: skip
        cache = left.selectbox(
            "Cache precision", get_args(ServingPrecision), None, placeholder=DEFAULT, key="deploy_cache",
            help="Of keys and values, apart from the weights'",
        )  # fmt: skip
        chunks = right.selectbox("Prompts", list(CHUNKS), key="deploy_chunks")
        hits = left.slider("Prompt found in the cache (%)", 0, 100, 0, key="deploy_hits")
        drafts = right.slider("Drafted tokens a step", 0, 8, 0, key="deploy_drafts")
    return EngineSettings(
        engine=engine,
        max_model_len=length,
        memory_utilization=share,
        kv_precision=cache,
        chunked_prefill=CHUNKS[chunks],
        prefix_hit_rate=hits / 100,
        speculative_tokens=drafts,
    )
