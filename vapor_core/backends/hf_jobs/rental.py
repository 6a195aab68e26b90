"""The Hub's machines as a screen asks for them: what there is, what it costs, and the token that it is done with."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from vapor_core.backends.hf_jobs import access, hardware
from vapor_core.backends.hf_jobs.api import JobsApi
from vapor_core.backends.hf_jobs.record import HubRun
from vapor_core.backends.local.run_directory import runs_folder
from vapor_core.errors import BackendRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vapor_core.contracts.entries import Accelerator


class HubRental:
    """What is asked of the Hub before a job and beside it."""

    key = "Hugging Face token"
    about_key = (
        "Yours, with the right to run jobs, which your account pays. It is used for that and kept in this process's "
        "memory alone: after a restart of the server you give it again."
    )
    keeping = "Keep checkpoints and the result in a private repository of mine"
    about_keeping = (
        "The job's disk is gone when it ends. With this the token goes along as a secret of the job, and a stopped job "
        "can go on; without it only the metrics are left."
    )

    @property
    def defaults(self) -> Mapping[str, object]:
        """How the training program trains there: TRL takes the loss in chunks, and nothing fails on purpose."""
        return {"trainer": "trl_1", "cross_entropy": "chunked", "hardware_faults": False}

    def offers(self) -> tuple[Accelerator, ...]:
        """A card of each machine, cheapest first.

        Raises:
            BackendRefused: where the Hub does not tell them.
        """
        return tuple(flavor.accelerator for flavor in hardware.flavors())

    def told(self, card: Accelerator) -> str:
        """The machine of a card in a few words; "" where it is none of the Hub's, or was not asked for yet."""
        name = hardware.flavor_name(card)
        return next((each.told for each in hardware.listed() if each.name == name), "")

    def is_offered(self, card: Accelerator) -> bool:
        """Whether a card is one of the Hub's machines."""
        return hardware.flavor_name(card) is not None

    def has_key(self) -> bool:
        """Whether the server lends its own token."""
        return access.servers_own() is not None

    def lent(self, token: str, *, keeps: bool) -> AbstractContextManager[None]:
        """Lend a token for what is submitted within; none where nothing was typed.

        Raises:
            BackendRefused: where it cannot be one.
        """
        return access.lent(access.access_of(token, keeps=keeps)) if token.strip() else nullcontext()

    def wants_key(self, workspace: str, job_id: str) -> bool:
        """Whether a job cannot be seen because nobody has given a token since the server began."""
        run = HubRun(runs_folder() / workspace / job_id)
        return run.ended() is None and access.bound(workspace, job_id) is None

    def look_again(self, workspace: str, job_id: str, token: str, *, keeps: bool = False) -> None:
        """Use a token for a job from now on; the next look at it does.

        Raises:
            BackendRefused: where it is none, or of another account than the job's.
        """
        given, run = access.access_of(token, keeps=keeps), HubRun(runs_folder() / workspace / job_id)
        name = JobsApi(given).name()
        if run.account() and run.account() != name:
            raise BackendRefused(
                f"this job runs in the account {run.account()} and the token is of {name}; give one of the former"
            )
        access.bind(workspace, job_id, given)


def goes_on(workspace: str, job_id: str) -> bool:
    """Whether a job that has ended can be resumed: where its checkpoints were kept."""
    run = HubRun(runs_folder() / workspace / job_id)
    return run.repository() is not None and run.heard().kept_step > 0
