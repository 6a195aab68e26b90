"""What the Hub is asked to run: the training program as one file, run by uv on a machine that is rented for it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.backends.hf_jobs.hardware import flavor_name, is_processor
from vapor_core.errors import BackendRefused
from vapor_core.exports.launch_script import packages
from vapor_core.exports.launch_spec import launch_spec
from vapor_core.exports.single_file import single_file
from vapor_core.physics.plan import plan
from vapor_core.physics.throughput import training_throughput
from vapor_core.program.limits import PACKAGES, QUANTISED, refusal

if TYPE_CHECKING:
    from vapor_core.backends.base import JobSpec
    from vapor_core.backends.hf_jobs.access import Access

LABEL = "vapor"  # of a job at the Hub: which job of which workspace, and which attempt
IMAGE = "python:3.12"  # Docker's own name for it; the command brings uv along
SCRIPT = "VAPOR_SCRIPT"  # the file, packed: an environment may hold 128 KB in a variable
COMMAND = (
    "(command -v uv > /dev/null || python -m pip install --quiet uv) && "
    "mkdir -p run && printf '{{\"number\": {attempt}}}' > run/attempt.json && "
    'printf %s "$VAPOR_SCRIPT" | base64 -d | gunzip > train.py && exec uv run train.py run'
)
LEAST_S, MOST_S = 3600.0, 7 * 86400.0  # that a job may take before the Hub ends it
TIMES_EXPECTED = 3.0  # what the steps take by the estimate; and half an hour for packages and weights


def refused(spec: JobSpec) -> str | None:
    """Why such a run cannot be a job of the Hub, and what would work; None where it can."""
    config = spec.config
    card, data = catalog.accelerator(config.accelerator), catalog.dataset(config.dataset)
    model = catalog.model(config.model)
    if flavor_name(card) is None:
        return f"{card.display_name} is no machine of the Hub's; choose one of those that it lists"
    if card.cards_per_node != config.accelerator_count:
        return f"that machine has {card.cards_per_node} cards and all are paid for; ask for {card.cards_per_node}"
    if data.kind == "own":
        return f"{data.display_name} is on this server alone; put it on the Hub as a private data set and name that"
    if model.id.startswith("this-machine/"):
        return f"{model.display_name} is in a folder of this server; push it to the Hub and name that"
    if spec.parent is not None:
        return "a run on the Hub cannot be forked yet; clone it and start anew"
    gpu, known = not is_processor(card), config.model_dump()
    if gpu:  # its script brings the packages along
        known |= {"optimizer": "adamw"} if config.optimizer in PACKAGES else {}
        known |= {"base_quantization": "none"} if config.base_quantization in QUANTISED else {}
    return refusal(known, gpu=gpu, workers=0)


def label_of(workspace: str, spec: JobSpec, attempt: int) -> str:
    """What an attempt is known by at the Hub: the same from every process that may start it."""
    what = json.dumps([workspace, spec.job_id, spec.submitted_s, spec.config.model_dump_json()])
    return f"{blake2b(what.encode(), digest_size=12).hexdigest()}-{attempt}"


def script_of(spec: JobSpec) -> str:
    """The file that the job runs."""
    said = (
        f"{_plain(spec.job_id)}, a training run that Vapor has started as a job of the Hub.\n\n"
        "It prints each event of its metrics as a line with a number; Vapor reads them from there."
    )
    return single_file(
        launch_spec(spec.config),
        docstring=said,
        packages=packages(spec.config),
        ends_with="hub_run",
        begins="hub_main",
    )


def request_of(
    workspace: str, spec: JobSpec, attempt: int, access: Access, repository: str | None
) -> dict[str, object]:
    """The body of the question that starts it. The token goes along as a secret where results are to be kept.

    Raises:
        BackendRefused: where the file does not fit.
    """
    packed = base64.b64encode(gzip.compress(script_of(spec).encode(), mtime=0)).decode()
    if len(packed) > 120_000:
        raise BackendRefused("the training program with this configuration is too long for a job of the Hub")
    environment = {SCRIPT: packed, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
    if spec.config.accelerator_count > 1:
        environment["VAPOR_WORKERS"] = str(spec.config.accelerator_count)
    request: dict[str, object] = {
        "command": ["bash", "-c", COMMAND.format(attempt=attempt)],
        "arguments": [],
        "environment": environment,
        "flavor": flavor_name(catalog.accelerator(spec.config.accelerator)),
        "dockerImage": IMAGE,
        "timeoutSeconds": int(longest_s(spec)),
        "labels": {
            LABEL: label_of(workspace, spec, attempt),
            "name": f"vapor-{_plain(spec.job_id)}-{attempt}",
        },
    }
    if repository is not None:
        environment["VAPOR_REPOSITORY"] = repository
        request["secrets"] = {"HF_TOKEN": access.secret}
    return request


def longest_s(spec: JobSpec) -> float:
    """After how long the Hub ends the job: three times what its steps should take, and an hour at least."""
    asked = plan(spec.config)
    trained_s = training_throughput(asked).step_time_s * asked.total_steps
    return min(max(TIMES_EXPECTED * trained_s + 1800.0, LEAST_S), MOST_S)


def repository_of(account: str, workspace: str, spec: JobSpec) -> str:
    """Where checkpoints and the result of a run are kept."""
    return f"{account}/vapor-{_plain(spec.job_id)}-{label_of(workspace, spec, 0)[:8]}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)[:60]
