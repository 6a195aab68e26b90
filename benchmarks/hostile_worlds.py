"""Worlds that a stranger may send: valid, small as links, and as costly to look at as their size allows."""

from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import JobConfig
from vapor_core.journal.codec import encode
from vapor_core.journal.events import (
    Deployed,
    JobPaused,
    JobResumed,
    JobSubmitted,
    Redeployed,
    Renamed,
    Scaled,
    WorkspaceEvent,
)
from vapor_core.journal.other_events import SpeedSet, TimeSkipped
from vapor_core.sharing.links import Shared
from vapor_core.sharing.validation import shared_store
from vapor_core.workspace.store import Store

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", max_steps=2000)
OTHER = CONFIG.changed(model="openai-community/gpt2")
Done = list[tuple[float, WorkspaceEvent]]


def shared(done: Done, now: float) -> Shared:
    """A workspace in which all that was done, standing at an instant."""
    return Shared("workspace", (), now, tuple((at, encode(event)) for at, event in done))


def looked(world: Shared) -> Store:
    """A stranger's world with everything in it drawn and told."""
    store = shared_store(world)
    _ = store.summary(), store.registry(), store.events()
    for each in (*store.jobs(), *store.deployments()):
        store.metrics(each.id).frame(max_points=100)
    return store


def _submitted(count: int, config: JobConfig = CONFIG, at: float = 0.0) -> Done:
    return [(at, JobSubmitted.of(f"job-{k}", "a", config)) for k in range(1, count + 1)]


def _deployed(number: int, job: int = 1) -> WorkspaceEvent:
    return Deployed(
        deployment_id=f"deployment-{number}", name="x", job_id=f"job-{job}", accelerator="nvidia-l4",
        replicas_min=1, replicas_max=2, traffic="steady", precision="bf16",
    )  # fmt: skip


def fork_chain(count: int, first_step: int = 2, config: JobConfig = CONFIG) -> Shared:
    """Forks of forks, each a step later than the last."""
    done: Done = [(0.0, SpeedSet(speed=1e5)), *_submitted(1, config)]
    for k in range(2, count + 1):
        event = JobSubmitted.of(f"job-{k}", "a", config, f"job-{k - 1}", first_step + k)
        done.append((10.0 + k, event))
    return shared(done, count + 10_000.0)


def late_fork_chain(count: int) -> Shared:
    """The same, far from the beginning."""
    return fork_chain(count, 5_000, CONFIG.changed(max_steps=8_000))


def pauses(count: int) -> Shared:
    """One job, paused and resumed."""
    kinds = (JobPaused(job_id="job-1"), JobResumed(job_id="job-1"))
    return shared([*_submitted(1), *((1 + k * 0.01, kinds[k % 2]) for k in range(count))], count + 10.0)


def renames(count: int) -> Shared:
    """Many jobs, renamed over and over."""
    return shared(
        [*_submitted(400), *((1.0, Renamed(id=f"job-{1 + k % 400}", name="b")) for k in range(count))], 9.0
    )


def revisions(count: int) -> Shared:
    """An endpoint between two architectures."""
    jobs = [*_submitted(1), (0.0, JobSubmitted.of("job-2", "b", OTHER)), (0.0, TimeSkipped(seconds=1e5))]
    back = [
        (2 + 6.0 * k, Redeployed(deployment_id="deployment-1", job_id=f"job-{2 - k % 2}"))
        for k in range(count - 1)
    ]
    return shared([*jobs, (1.0, _deployed(1)), *back], 6.0 * count + 9)


def ranges(count: int) -> Shared:
    """An endpoint whose bounds change over and over."""
    bounds = [
        (2 + 6.0 * k, Scaled(deployment_id="deployment-1", replicas_min=1, replicas_max=1 + k % 20))
        for k in range(count)
    ]
    done: Done = [*_submitted(1), (0.0, TimeSkipped(seconds=1e5)), (1.0, _deployed(1)), *bounds]
    return shared(done, 6.0 * count + 9)


def leaps(count: int) -> Shared:
    """A world that leaps forward over and over."""
    return shared(
        [*_submitted(1), *((k * 0.01, TimeSkipped(seconds=0.5)) for k in range(count))], count + 1.0
    )


def own_models(count: int) -> Shared:
    """As many architectures as jobs, each served by an endpoint of its own."""
    done: Done = []
    for k in range(1, count + 1):
        model = CatalogModel(
            id=f"me/{k}", parameters=10_000_000 + k, layers=4, hidden_size=256, intermediate_size=1024,
            attention_heads=4, kv_heads=4, vocabulary_size=32_000,
        )  # fmt: skip
        done.append((0.0, JobSubmitted.of(f"job-{k}", "a", JobConfig(model=model, max_steps=20))))
    done.append((0.0, TimeSkipped(seconds=1e5)))
    return shared([*done, *((1.0, _deployed(k, k)) for k in range(1, count + 1))], 1e3)


def long_runs(count: int) -> Shared:
    """Jobs of a hundred million steps, each step with a checkpoint."""
    config = CONFIG.changed(max_steps=100_000_000, checkpoint_every=1)
    done: Done = [(0.0, SpeedSet(speed=1e6))]
    done += [(0.0, JobSubmitted.of(f"job-{k}", "a", config.changed(seed=k))) for k in range(1, count + 1)]
    return shared(done, 1e9)


# What grows, the sizes at which it is measured (the last is the most that is taken), and what is too much.
GROWING = {
    "forks of forks": (fork_chain, (125, 250, 500), 501),
    "forks of forks, late in a run": (late_fork_chain, (50, 100, 200), 501),
    "pauses of a job": (pauses, (500, 1000, 2000), 60_000),
    "renames of 400 jobs": (renames, (2000, 4000, 8000), 20_000),
    "revisions of an endpoint": (revisions, (125, 250, 500), 4_900),
    "ranges of an endpoint": (ranges, (2000, 4000, 8000), 20_000),
    "leaps of time": (leaps, (2000, 4000, 8000), 20_000),
    "architectures at endpoints": (own_models, (10, 20, 40), 45),
    "jobs of 100,000,000 steps": (long_runs, (1, 2), 21),
}
