"""Starting a job of the Hub exactly once, whoever tries and whoever is killed meanwhile.

What is to be started bears a label that follows from the workspace and the job alone. Whoever starts it looks for that
label first, under a lock of the run's folder; afterwards it looks again, and of several the oldest one stays.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vapor_core.backends.hf_jobs.api import ENDS, JobsApi, JobsFault
from vapor_core.backends.hf_jobs.job_request import LABEL, label_of, repository_of, request_of
from vapor_core.backends.hf_jobs.record import Attempt, HubRun

if TYPE_CHECKING:
    from vapor_core.backends.base import JobSpec
    from vapor_core.backends.hf_jobs.access import Access


def started(run: HubRun, workspace: str, spec: JobSpec, access: Access) -> Attempt | None:
    """The newest attempt of a run, started where what is wanted needs one; None where none was and none is wanted.

    Raises:
        JobsFault: where the Hub does not start it; whether it may later is the fault's to say.
    """
    api = JobsApi(access)
    if not run.account():
        account = api.name()
        run.settle(account, repository_of(account, workspace, spec) if access.keeps else None)
    with run.starting():
        latest, wanted = run.latest(), run.wanted()
        if latest is not None and (wanted.what != "run" or latest.wish >= wanted.number):
            return latest
        number = latest.number + 1 if latest else 1
        found = _there(api, run.account(), label_of(workspace, spec, number))
        if found is None and wanted.what != "run":
            return None
        if found is None:
            request = request_of(workspace, spec, number, access, run.repository())
            made = api.start(run.account(), request)
            found = _there(api, run.account(), label_of(workspace, spec, number)) or made.id
        attempt = Attempt(number, wanted.number, found, time.time())
        run.add(attempt)
        return attempt


def _there(api: JobsApi, account: str, label: str) -> str | None:
    """The Hub's id of the oldest job of a label, and none beside it; None where there is none, or it cannot be told."""
    try:
        there = api.labelled(account, LABEL, label)
    except JobsFault as fault:
        if fault.kind == "missing":
            return None
        raise
    for other in there[1:]:
        if other.stage not in ENDS:
            api.cancel(account, other.id)
    return there[0].id if there else None
