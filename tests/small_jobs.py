"""Configurations of jobs that are quickly computed, and a model of one's own."""

from vapor_core import JobConfig
from vapor_core.contracts.entries import CatalogModel

SMALL = JobConfig(
    model="openai-community/gpt2", dataset="mhenrichsen/alpaca_2k_test", max_steps=2000, eval_every=40, seed=3
)
OWN_MODEL = CatalogModel(
    id="me/tiny",
    parameters=10_000_000,
    layers=4,
    hidden_size=256,
    intermediate_size=1024,
    attention_heads=4,
    kv_heads=4,
    vocabulary_size=32_000,
)
