"""What version 0.1 wrote is read as it was meant: journals, links, files, names, figures.

The files in `tests/data/v0_1` were written by that version; no later change may edit them. A version may know more
than they say (more fields, more columns, more parameters with defaults); what they say still holds.
"""

import ast
import inspect
import json
import math
import shutil
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import vapor_core as vapor
from vapor_core import catalog, links, sharing
from vapor_core.errors import InvalidLink
from vapor_core.events import encode
from vapor_core.exports import config_json, config_yaml, read_config
from vapor_core.journal_sql import open_journal
from vapor_core.membership import Members

DATA = Path(__file__).parent / "data" / "v0_1"
DIGITS = 6  # that the files give of a number
NEAR = 6e-6  # half of the last digit, and a little
VIEWS = ("workspace", "job", "comparison", "deployment")
WORKSPACES = ("home", "second")
# What people build themselves; a field that is added to one of these must have a default.
BUILT = ("Accelerator", "Calibration", "CatalogModel", "Dataset", "JobConfig", "ServingConfig")


@cache
def read(file):
    return json.loads((DATA / file).read_text(encoding="utf-8"))


# What this version makes of a workspace. A fork's hours and cost are left out: what they count is not settled.


def rounded(value):
    """Numbers as the files have them: few digits, None for what is no number."""
    if isinstance(value, dict):
        return {str(key): rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.integer) else value


def fields(value, names):
    return {name: getattr(value, name) for name in names.split()}


def told_job(job):
    told = fields(
        job, "id name status submitted_s started_s ended_s step total_steps parent_id fork_step deleted"
    )
    if job.parent_id is None:
        told |= fields(job, "elapsed_s cost_usd eta_s")
    return told | {
        "failure": job.failure and job.failure.code,
        "config": job.config.model_dump(mode="json"),
        "chosen": sorted(job.config.model_fields_set),
    }


def told_deployment(deployment):
    told = fields(deployment, "id name job_id model_id replicas_min replicas_max traffic precision")
    told |= fields(deployment, "status created_s ended_s replicas cost_usd")
    card = deployment.accelerator
    return told | {
        "accelerator": card if isinstance(card, str) else card.id,
        "revisions": [[each.number, each.job_id, each.since_s] for each in deployment.revisions],
        "failure": deployment.failure and deployment.failure.code,
    }


def told_rows(frame, without=()):
    """The first row, one in the middle, the last, and the last with an eval loss."""
    if not len(frame):
        return []
    places = {0, len(frame) // 2, len(frame) - 1}
    if "eval_loss" in frame:
        places |= set(np.flatnonzero(frame["eval_loss"].notna())[-1:].tolist())
    kept = frame.drop(columns=list(without))
    return [kept.iloc[place].to_dict() for place in sorted(places)]


def told_metrics(store, job):
    fork = ("elapsed_s", "cost_usd") if job.parent_id else ()
    return told_rows(store.metrics(job.id).frame(max_points=100_000), fork)


def told_summary(store):
    named = (
        "jobs jobs_by_status deployments deployments_by_status tokens serving_cost_usd request_rate replicas"
    )
    return fields(store.summary(), f"{named} best_eval_loss best_job_id")


def told(store):
    """A workspace, as far as it is held to what 0.1 made of it."""
    jobs, deployments = store.jobs(include_deleted=True), store.deployments()
    own = [{each.id for each in known()} for known in (catalog.models, catalog.datasets)]
    return rounded(
        {
            "clock": fields(store.clock, "simulated_s speed"),
            "jobs": [told_job(job) for job in jobs],
            "visible": [job.id for job in store.jobs()],
            "metrics": {job.id: told_metrics(store, job) for job in jobs},
            "deployments": [told_deployment(each) for each in deployments],
            "telemetry": {each.id: told_rows(store.metrics(each.id).frame(100_000)) for each in deployments},
            "history": {
                key: [[line.kind, line.at_s, line.step] for line in store.events(key)]
                for key in [each.id for each in (*jobs, *deployments)]
            },
            "events": [[line.kind, line.at_s] for line in store.events()],
            "summary": told_summary(store),
            "registry": [each.model_dump(mode="json") for each in store.registry()],
            "models": [each.model_dump(mode="json") for each in store.models() if each.id not in own[0]],
            "datasets": [each.model_dump(mode="json") for each in store.datasets() if each.id not in own[1]],
        }
    )


def told_members(members, workspace):
    return [fields(each, "workspace owner person name role") for each in members.of(workspace)]


def told_estimate(figures):
    return rounded({name: value for name, value in figures if isinstance(value, int | float)})


def held(found, expected, where=""):
    """That `found` says all that `expected` says; it may say more."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert not expected.keys() - found.keys(), f"{where} has no {sorted(expected.keys() - found.keys())}"
        for key, value in expected.items():
            held(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), f"{where} has {len(found)}, not {len(expected)}"
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            held(one, other, f"{where}[{place}]")
    elif isinstance(expected, float) and isinstance(found, float | int):
        assert math.isclose(found, expected, rel_tol=NEAR, abs_tol=1e-12), (
            f"{where}: {found} is not {expected}"
        )
    else:
        assert found == expected, f"{where}: {found!r} is not {expected!r}"


# The journal


@pytest.fixture
def journal_path(tmp_path):
    return shutil.copy(DATA / "journal.db", tmp_path / "journal.db")


@pytest.fixture(scope="module", params=WORKSPACES)
def workspace(request, tmp_path_factory):
    """(what this version tells of a workspace of the journal, what 0.1 told)."""
    path = shutil.copy(DATA / "journal.db", tmp_path_factory.mktemp("v0_1") / "journal.db")
    store = vapor.Store.open(path, request.param)
    assert store.notices == ()
    expected = read("expected.json")["workspaces"][request.param]
    store.advance(now=expected["now"])
    yield told(store), expected["told"]
    store.close()


@pytest.mark.parametrize("part", ["clock", "jobs", "visible", "deployments", "summary", "registry"])
def test_a_journal_of_version_0_1_tells_the_same_world(workspace, part):
    found, expected = workspace
    held(found[part], expected[part], part)


@pytest.mark.parametrize("part", ["history", "events"])
def test_a_journal_of_version_0_1_tells_the_same_history(workspace, part):
    found, expected = workspace
    held(found[part], expected[part], part)


@pytest.mark.parametrize("part", ["metrics", "telemetry"])
def test_a_journal_of_version_0_1_draws_the_same_curves(workspace, part):
    found, expected = workspace
    held(found[part], expected[part], part)


@pytest.mark.parametrize("part", ["models", "datasets"])
def test_a_journal_of_version_0_1_has_the_same_models_and_data_of_ones_own(workspace, part):
    found, expected = workspace
    assert expected[part]
    held(found[part], expected[part], part)


def test_every_event_of_a_journal_of_version_0_1_is_written_again_as_it_was(journal_path):
    with closing(sqlite3.connect(journal_path)) as connection:
        rows = connection.execute("SELECT workspace, number, body FROM vapor_events").fetchall()
    journal = open_journal(journal_path)
    now_said = {
        (name, entry.number): json.loads(encode(entry.event))
        for name in journal.workspaces()
        for entry in journal.read(name)
    }
    journal.close()
    kinds = set()
    for name, number, body in rows:
        event = json.loads(body)
        held(now_said[name, number], event, f"{name} {number}")
        kinds |= {event["kind"], *(deed["kind"] for _, deed in event.get("past", ()))}
    assert kinds == set(read("expected.json")["kinds"])
    assert len(now_said) == len(rows)


def test_points_of_real_runs_in_a_journal_of_version_0_1_read_back_as_they_were(journal_path):
    journal = open_journal(journal_path)
    expected = read("expected.json")["points"]
    for job_id, blocks in expected.items():
        found = journal.kept("measured", job_id)
        assert [block.number for block in found] == list(range(1, len(blocks) + 1))
        for block, columns in zip(found, blocks, strict=True):
            assert {
                name: [repr(float(value)) for value in each] for name, each in block.columns.items()
            } == columns
    journal.close()


def test_members_of_a_journal_of_version_0_1_have_the_same_roles(journal_path):
    journal = open_journal(journal_path)
    members, expected = Members(journal), read("expected.json")["members"]
    for workspace, people in expected["of"].items():
        held(told_members(members, workspace), people, workspace)
    for workspace, person, role in expected["roles"]:
        assert members.role(workspace, person) == role
    open_still = expected["invitation"]
    invited = members.invitation(open_still["token"], person="a newcomer", now=open_still["now"])
    assert (invited.workspace, invited.role) == (open_still["workspace"], open_still["role"])
    journal.close()


def test_work_goes_on_in_a_journal_of_version_0_1(journal_path):
    now = read("expected.json")["workspaces"]["home"]["now"]
    store = vapor.Store.open(journal_path, "home")
    store.advance(now=now)
    before = store.jobs(include_deleted=True)
    fork = store.fork("job-1", step=100, changes={"learning_rate": 1e-5}, now=now)
    assert fork.id == f"job-{len(before) + 1}"
    store.rename("job-1", "renamed later", now=now)
    store.close()
    again = vapor.Store.open(journal_path, "home")
    again.advance(now=now)
    assert again.job(fork.id).parent_id == "job-1"
    assert again.job("job-1").name == "renamed later"
    assert len(again.jobs(include_deleted=True)) == len(before) + 1
    again.close()


# Links and files


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", ["unsigned", "signed"])
def test_links_of_version_0_1_open(view, kind):
    written = read("links.json")
    secret = written["secret"] if kind == "signed" else ""
    shared = links.unpack(written["links"][view][kind], secret)
    assert (shared.view, list(shared.ids), shared.now) == (
        view,
        written["links"][view]["ids"],
        written["now"],
    )
    held(told(sharing.shared_store(shared)), read("expected.json")["links"][view], view)


@pytest.mark.parametrize("view", VIEWS)
def test_links_of_version_0_1_are_believed_by_their_signature_alone(view):
    written = read("links.json")
    link = written["links"][view]
    assert links.unpack(link["signed"]) == links.unpack(link["unsigned"])
    for text, secret in ((link["unsigned"], written["secret"]), (link["signed"], "a later secret")):
        with pytest.raises(InvalidLink):
            links.unpack(text, secret)


@pytest.mark.parametrize("view", VIEWS)
def test_what_a_link_of_version_0_1_holds_can_be_made_ones_own(view):
    written = read("links.json")
    shared = links.unpack(written["links"][view]["unsigned"])
    assert links.unpack(links.pack(shared, "a secret"), "a secret") == shared
    there, store = sharing.shared_store(shared), vapor.Store()
    store.set_speed(1.0, now=0.0)
    store.skip(1e6, now=0.0)  # a past longer than the workspace's own would change who waited for cards
    taken = store.adopt(sharing.past(shared), now=1.0)
    store.advance(now=1.0)
    jobs = there.jobs(include_deleted=True)
    assert [job.name for job in store.jobs(include_deleted=True)] == [job.name for job in jobs]
    assert [job.status for job in store.jobs(include_deleted=True)] == [job.status for job in jobs]
    assert len(taken) == len(jobs) + len(there.deployments())


def test_a_workspace_file_of_version_0_1_opens():
    shared = sharing.from_file("workspace.json", (DATA / "workspace.json").read_bytes())
    held(told(sharing.shared_store(shared)), read("expected.json")["file"])
    again = sharing.from_file("again.json", sharing.to_file(shared))
    assert again == shared


@pytest.mark.parametrize("file", ["config.yaml", "config.json"])
def test_a_config_file_of_version_0_1_reads_as_the_same_config(file):
    config = read_config(file, (DATA / file).read_bytes())
    held(config.model_dump(mode="json"), read("expected.json")["config"]["fields"])
    held(told_estimate(vapor.estimate(config)), read("expected.json")["config"]["estimate"])
    assert read_config("again.yaml", config_yaml(config).encode()) == config
    assert read_config("again.json", config_json(config).encode()) == config


# Names


def signature_of(function):
    """Names, kinds and defaults of parameters; annotations name modules and are left out."""
    signature = inspect.signature(function)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def parameters(signature):
    """[name, kind, default as text or None] of each parameter of a signature's text."""
    found = ast.parse(f"def f{signature}: pass").body[0].args
    placed = [*found.posonlyargs, *found.args]
    defaults = [None] * (len(placed) - len(found.defaults)) + found.defaults
    listed = [(each.arg, "placed", default) for each, default in zip(placed, defaults, strict=True)]
    listed += [
        (each.arg, "named", value) for each, value in zip(found.kwonlyargs, found.kw_defaults, strict=True)
    ]
    listed += [(each.arg, "rest", None) for each in (found.vararg, found.kwarg) if each]
    return [(name, kind, default and ast.unparse(default)) for name, kind, default in listed]


def callable_as_before(function, signature, where):
    before, after = parameters(signature), parameters(signature_of(function))
    known = {name: (kind, default) for name, kind, default in after}
    for name, kind, default in before:
        assert name in known, f"{where} takes no {name} any more"
        now_kind, now_default = known[name]
        assert now_kind in (kind, "placed"), f"{where}: {name} cannot be given as before"
        assert default is None or now_default == default, f"{where}: {name} is {now_default} by default"
    placed, now_placed = ([name for name, kind, _ in each if kind == "placed"] for each in (before, after))
    assert now_placed[: len(placed)] == placed, f"{where} takes {now_placed}"
    old = {name for name, _, _ in before}
    for name, kind, default in after:
        assert name in old or kind == "rest" or default is not None, f"{where} demands {name}"


def test_the_public_names_are_those_of_version_0_1_or_more():
    names = read("public_api.json")["names"]
    assert not set(names) - set(vapor.__all__)
    assert all(hasattr(vapor, name) for name in names)


@pytest.mark.parametrize("name", sorted(read("public_api.json")["models"]))
def test_a_public_value_has_the_fields_of_version_0_1_or_more(name):
    expected, kind = read("public_api.json")["models"][name], getattr(vapor, name)
    assert not set(expected["fields"]) - set(kind.model_fields)
    for field, required in expected["fields"].items():
        assert required or not kind.model_fields[field].is_required(), f"{name} demands {field}"
    if name in BUILT:
        new = set(kind.model_fields) - set(expected["fields"])
        assert not [field for field in new if kind.model_fields[field].is_required()]
    assert not [each for each in expected["attributes"] if not hasattr(kind, each)]
    for method, signature in expected["methods"].items():
        callable_as_before(getattr(kind, method), signature, f"{name}.{method}")


@pytest.mark.parametrize("name", sorted(read("public_api.json")["classes"]))
def test_a_public_class_has_the_methods_of_version_0_1_or_more(name):
    expected, kind = read("public_api.json")["classes"][name], getattr(vapor, name)
    callable_as_before(kind, expected["made"], name)
    assert not [each for each in expected["attributes"] if not hasattr(kind, each)]
    for method, signature in expected["methods"].items():
        callable_as_before(getattr(kind, method), signature, f"{name}.{method}")


def test_a_store_and_a_series_have_the_attributes_of_version_0_1_or_more():
    built = {"Store": vapor.Store(), "MetricSeries": vapor.MetricSeries(("loss",))}
    for name, value in built.items():
        assert not [each for each in read("public_api.json")["instances"][name] if not hasattr(value, each)]


@pytest.mark.parametrize("name", sorted(read("public_api.json")["errors"]))
def test_a_public_error_is_caught_by_what_caught_it_in_version_0_1(name):
    expected, kind = read("public_api.json")["errors"][name], getattr(vapor, name)
    assert not set(expected["caught_by"]) - {base.__name__ for base in kind.__mro__}
    callable_as_before(kind.__init__, expected["made"], name)


@pytest.mark.parametrize("where", ["vapor", "charts", "catalog"])
def test_public_functions_take_what_they_took_in_version_0_1_or_more(where):
    holder = vapor if where == "vapor" else getattr(vapor, where)
    for name, signature in read("public_api.json")["functions"][where].items():
        callable_as_before(getattr(holder, name), signature, f"{where}.{name}")


# Figures


def test_training_estimates_are_those_of_version_0_1():
    for case in read("estimates.json")["training"]:
        figures = vapor.estimate(vapor.JobConfig(**case["config"]))
        held(told_estimate(figures), case["estimate"], str(case["config"]))


def test_serving_estimates_are_those_of_version_0_1():
    for case in read("estimates.json")["serving"]:
        figures = vapor.estimate_serving(vapor.ServingConfig(**case["config"]))
        held(told_estimate(figures), case["estimate"], str(case["config"]))


def test_simulated_runs_are_those_of_version_0_1():
    for case in read("estimates.json")["simulated"]:
        frame = vapor.simulate(vapor.JobConfig(**case["config"]), case["start"], case["stop"])
        held(rounded(frame.to_dict("records")), case["rows"], str(case["config"]))
