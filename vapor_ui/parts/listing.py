"""Jobs and endpoints in lists: rows with their load, and jobs to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vapor_ui.parts import cards

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vapor_core.contracts.workspace import Deployment, Job
    from vapor_core.workspace.store import Store


def deployment_row(store: Store, deployment: Deployment) -> None:
    """One endpoint with its load now."""
    latest = store.metrics(deployment.id).latest() if deployment.live else {}
    cards.deployment_row(deployment, request_rate=latest.get("request_rate"), p95_ms=latest.get("p95_ms"))


def job_label(job: Job) -> str:
    """A job in a list of choices: plain text, told apart from its namesakes.

    A browser sends a choice back by its label, so nothing in it may change while time goes on: a job whose label has
    changed is no choice any more, and Streamlit drops it.
    """
    return f"{job.name} · {job.id}"


def live_first(deployments: Iterable[Deployment]) -> list[Deployment]:
    """As lists show them: those that answer requests, then the newest."""
    return sorted(deployments, key=lambda item: (item.live, item.created_s), reverse=True)


def newest_first(jobs: tuple[Job, ...]) -> list[Job]:
    """As lists show them."""
    return sorted(jobs, key=lambda job: job.submitted_s, reverse=True)
