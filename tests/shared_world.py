"""A workspace with a little of everything that can be shared."""

from vapor_core.contracts.training import JobConfig
from vapor_core.workspace.store import Store

CONFIG = JobConfig(
    model="HuggingFaceTB/SmolLM2-135M", dataset="mhenrichsen/alpaca_2k_test", max_steps=4000, method="full"
)


def a_world():
    """Two jobs and a fork with one paused for a while, an endpoint with two revisions, speeds and a leap."""
    store = Store(workspace="mine")
    store.set_speed(60.0, now=1000.0)
    first = store.submit(CONFIG, now=1001.0, name="first")
    second = store.submit(CONFIG.changed(learning_rate=3e-5, seed=3), now=1003.0, name="second")
    store.advance(now=1006.0)
    store.pause(first.id, now=1006.0)
    store.set_speed(600.0, now=1008.0)
    store.resume(first.id, now=1009.0)
    store.skip(36_000.0, now=1010.0)
    store.advance(now=1010.0)
    store.fork(first.id, step=100, changes={"learning_rate": 1e-5}, now=1011.0)
    endpoint = store.deploy(first.id, name="endpoint", now=1012.0)
    store.redeploy(endpoint.id, second.id, now=1013.0)
    store.submit(CONFIG.changed(seed=9), now=1014.0, name="not shared")
    store.advance(now=1020.0)
    return store
