"""Configurations of jobs that are quickly computed."""

from vapor_core import JobConfig

SMALL = JobConfig(
    model="openai-community/gpt2", dataset="mhenrichsen/alpaca_2k_test", max_steps=2000, eval_every=40, seed=3
)
