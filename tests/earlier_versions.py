"""What this version makes of a workspace, in the form in which version 0.1 wrote down what it made of it."""

import json
import math
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from vapor_core import catalog

DATA = Path(__file__).parent / "data" / "v0_1"
DIGITS = 6  # that the files give of a number
NEAR = 6e-6  # half of the last digit, and a little
WORKSPACES = ("home", "second")


@cache
def read(file):
    return ends_last(json.loads((DATA / file).read_text(encoding="utf-8")))


def ends_last(value):
    """Histories with a run's end behind what befell its last step: by a float's last bit, 0.1 had some before it.

    Where all of a workspace is told, lines of one instant are those of several jobs: they are put in order by kind.
    """
    if isinstance(value, list):
        return [ends_last(each) for each in value]
    if not isinstance(value, dict):
        return value
    value = {key: ends_last(each) for key, each in value.items()}
    for lines in value.get("history", {}).values():
        for place, (one, other) in enumerate(pairwise(list(lines))):
            if (one[0], other[0]) == ("completed", "checkpoint") and one[1] == other[1]:
                lines[place : place + 2] = [other, one]
    if "history" in value:
        value["events"] = sorted(value["events"], key=lambda line: (line[1], line[0]))
    return value


# What this version makes of a workspace. A fork's hours and cost are left out: version 0.1 told two of each.


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
    told |= fields(deployment, "status created_s ended_s")
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
    """Rows of a log; of a simulated job the first one, since how far it has come follows from the law of speed."""
    frame = store.metrics(job.id).frame(max_points=100_000)
    return told_rows(frame) if job.config.backend != "simulated" else told_rows(frame.head(1))


def told_summary(store):
    named = "jobs jobs_by_status deployments deployments_by_status tokens"
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
                key: deeds([[line.kind, line.at_s, line.step] for line in store.events(key)])
                for key in [each.id for each in (*jobs, *deployments)]
            },
            "events": sorted(
                rounded(deeds([[line.kind, line.at_s] for line in store.events()])),
                key=lambda line: (line[1], line[0]),
            ),
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


# Figures of laws that were made truer since: they are still told, of whatever was told before, and may differ.
# Memory of training: whose trainer, which loss, what is sharded and reserved (0.1 was 24 % off on people's reports).
ENDS = ("", "_low", "_high")
MEMORY = {f"memory_gb{end}" for end in ENDS}
MEMORY |= {f"{part}_gb" for part in ("weights", "gradients", "optimizer", "activations", "overhead")} | {
    "fits"
}
# An estimate of serving tells memory by another law.
SERVING = "kv_gb_per_sequence"
# Losses: 0.1 knew nothing of a fine-tune's data, drew too many spikes, and let held-out losses exceed that of knowing
# nothing.
LOSSES = {"loss", "eval_loss", "best_eval_loss", "grad_norm", "initial_loss", "best_eval_step"}
LOSSES |= {f"final_{which}loss{end}" for which in ("", "eval_") for end in ("", "_low", "_high")}
LOSSES |= {"divergence_probability"}

# Speed: 0.1 took one network card for a node's, knew no trainer's kernels and no parallel parts. So a simulated job has
# come to another step by the same instant, and may have ended.
SPEED = {
    "elapsed_s",
    "started_s",
    "ended_s",
    "eta_s",
    "startup_s",
    "step",
    "tokens",
    "utilization",
    "created_s",
}
SPEED |= {f"{name}{end}" for name in ("cost_usd", "duration_s", "tokens_per_second", "mfu") for end in ENDS}
SPEED |= {"step_time_s", "training_cost_usd", "accelerator_hours"}
ON_THE_WAY = {"queued", "initializing", "running", "completed"}  # any of these may be another of them


def refined(expected):
    """Names of figures in a table that come from a law that was made truer."""
    return LOSSES if SERVING in expected else LOSSES | MEMORY | SPEED


def follows(name, found, expected):
    """Whether a word follows from how far a simulated job has come, or from its loss."""
    on_the_way = name == "status" and {found, expected} <= ON_THE_WAY
    return on_the_way or name in ("best_job_id", "jobs_by_status")


def first_rows(metrics):
    """Of each simulated job's rows the first; those of a log, which tells no utilization, all."""

    def simulated(rows):
        return (
            bool(rows) and isinstance(rows[0]["utilization"], float) and math.isfinite(rows[0]["utilization"])
        )

    return {key: rows[:1] if simulated(rows) else rows for key, rows in metrics.items()}


# What follows from the law of serving alone, which was fitted anew after 0.1: how long an answer takes, and so how many
# replicas stand by and cost. What people did, and when, is held to the letter.
SERVED = {"replicas", "cost_usd", "serving_cost_usd", "request_rate"}
# Lines of a history that a law wrote: of chance, of an autoscaler, of speed
BY_LAW = {
    "spike",
    "divergence",
    "ready",
    "scaled",
    "initializing",
    "started",
    "resumed",
    "completed",
    "checkpoint",
    "fault",
    "failed",
}


def apart_from_serving(expected):
    """What 0.1 told, without what followed from its law of serving."""
    if not isinstance(expected, dict):
        return expected
    kept = {name: apart_from_serving(value) for name, value in expected.items()}
    for part in ("deployments", "summary"):
        each = kept.get(part)
        if isinstance(each, list):
            kept[part] = [{name: value for name, value in one.items() if name not in SERVED} for one in each]
        elif isinstance(each, dict):
            kept[part] = {name: value for name, value in each.items() if name not in SERVED}
    if "telemetry" in kept:
        kept["telemetry"] = {
            key: [{"elapsed_s": row["elapsed_s"]} for row in rows] for key, rows in kept["telemetry"].items()
        }
    if "metrics" in kept:
        kept["metrics"] = first_rows(kept["metrics"])
    if "history" in kept:
        kept["history"] = {key: deeds(lines) for key, lines in kept["history"].items()}
    if "events" in kept:
        kept["events"] = deeds(kept["events"])
    return kept


def deeds(told):
    """A history, or one of each job, without the lines that a law wrote, and without steps."""
    if isinstance(told, dict):
        return {name: deeds(lines) for name, lines in told.items()}
    return [line[:2] for line in told if line[0] not in BY_LAW]


def held(found, expected, where=""):
    """That `found` says all that `expected` says; it may say more."""
    if where.rsplit(".", 1)[-1] in ("history", "events"):
        found, expected = deeds(found), deeds(expected)
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert not expected.keys() - found.keys(), f"{where} has no {sorted(expected.keys() - found.keys())}"
        for key, value in expected.items():
            if key in refined(expected):
                assert found[key] is None or (math.isfinite(found[key]) and found[key] >= 0), f"{where}.{key}"
            elif not follows(key, found[key], value):
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
