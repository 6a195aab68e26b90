"""Which backends there are: each does what the seams say, and those that are not there refuse."""

import inspect

import pytest

from vapor_core import Store
from vapor_core.backends import machines, registry
from vapor_core.backends.base import DeploymentBackend, JobBackend, Place, Rental
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import BackendRefused, InvalidConfig
from vapor_core.journal.memory import MemoryJournal

CONFIG = JobConfig(model="openai-community/gpt2", max_steps=10)


def methods(protocol):
    return {
        name: each for name, each in vars(protocol).items() if inspect.isfunction(each) and name[0] != "_"
    }


@pytest.mark.parametrize("name", registry.REGISTRY)
def test_every_backend_has_the_methods_of_its_seam_with_the_same_parameters(name):
    jobs = registry.job_backend(name, "default", MemoryJournal())
    servers = registry.deployment_backend(name, "default", MemoryJournal())
    pairs = [(jobs, JobBackend), *([(servers, DeploymentBackend)] if servers is not None else [])]
    for backend, protocol in pairs:
        for method, expected in methods(protocol).items():
            found = inspect.signature(getattr(backend, method)).parameters
            wanted = [each for each in inspect.signature(expected).parameters if each != "self"]
            assert len(found) == len(wanted), f"{name}.{method}"


def test_every_backend_that_a_configuration_can_name_is_registered():
    named = JobConfig.model_fields["backend"].annotation.__args__
    assert set(named) == set(registry.REGISTRY)


def test_a_backend_that_this_version_does_not_know_can_do_nothing():
    unknown = registry.abilities("another")
    assert not unknown.runs_here and not unknown.can_fork and not unknown.can_share


@pytest.mark.parametrize("name", ["local", "ray"])
def test_nothing_is_deployed_where_a_backend_is_not_there(name):
    store = Store()
    store.submit(CONFIG, now=0.0)
    store.skip(1e6, now=1.0)
    before = store.journal.read("default")
    with pytest.raises(BackendRefused, match=f"needs the extra '{name}'"):
        store.deploy("job-1", backend=name, now=2.0)
    assert store.journal.read("default") == before and not store.deployments()


def test_what_serves_nothing_is_refused_with_what_does():
    store = Store()
    store.submit(CONFIG, now=0.0)
    store.skip(1e6, now=1.0)
    with pytest.raises(InvalidConfig, match="these do: simulated"):
        store.deploy("job-1", backend="imported", now=2.0)


def test_a_backend_without_a_machine_to_ask_says_so_and_one_that_has_it_answers():
    assert registry.place("simulated") is None
    assert registry.place("nobody's") is None
    with pytest.raises(BackendRefused, match="choose a card of the catalog"):
        machines.place_of("hf_jobs")
    place = machines.place_of("local")
    asked = [name for name in vars(Place) if not name.startswith("_")]
    assert all(callable(getattr(place, name)) for name in asked)
    assert len(asked) == 7
    assert len(machines.places(["simulated", "local", "hf_jobs"])) == 1


def test_what_is_rented_is_asked_of_who_rents_it_and_only_kept_jobs_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path))
    assert registry.rental("local") is None and registry.rental("nobody's") is None
    rental = registry.rental("hf_jobs")
    asked = [name for name in vars(Rental) if not name.startswith("_") and callable(getattr(Rental, name))]
    assert len(asked) == 7 and all(callable(getattr(rental, name)) for name in asked)
    assert not machines.is_rented("nvidia-l4")
    assert registry.abilities("hf_jobs").can_go_on
    assert not registry.job_abilities("hf_jobs", "default", "job-1").can_go_on
    assert registry.job_abilities("local", "default", "job-1") == registry.abilities("local")
