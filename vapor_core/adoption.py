"""What comes into a workspace from outside it, as events: logs of real runs, and jobs of other workspaces.

Neither is asked of a backend, for it has already happened; what may be in a link is `sharing`'s question.
"""

from vapor_core.errors import InvalidConfig
from vapor_core.events import Adopted, Deed, Deployed, JobSubmitted, LogImported, Renamed
from vapor_core.ledger import Ledger
from vapor_core.logbook import packed
from vapor_core.logs import RunLog

Past = tuple[tuple[float, Deed], ...]  # (simulated seconds before the present as 0 or less, what was done)


def log_imported(ledger: Ledger, log: RunLog, name: str) -> LogImported:
    """A log becomes a job that is over.

    Raises:
        InvalidConfig: where the name is none.
        InvalidUpload: where it is larger than a workspace keeps.
    """
    shown = "".join(letter for letter in name if letter.isprintable()).strip()[:200] or log.name
    return packed(f"job-{len(ledger.world.jobs) + 1}", shown, log)


def adopted(ledger: Ledger, past: Past) -> Adopted:
    """Jobs and endpoints of another workspace join this one, under the next free ids.

    Raises:
        InvalidConfig: where there is nothing to take.
    """
    if not past:
        raise InvalidConfig("there is nothing in it to make yours")
    names: dict[str, str] = {}
    jobs, deployments = len(ledger.world.jobs), len(ledger.world.deployments)
    for _, deed in past:
        if isinstance(deed, JobSubmitted | LogImported):
            jobs += 1
            names[deed.job_id] = f"job-{jobs}"
        elif isinstance(deed, Deployed):
            deployments += 1
            names[deed.deployment_id] = f"deployment-{deployments}"
    return Adopted(past=tuple((min(before_s, 0.0), _renamed(deed, names)) for before_s, deed in past))


def _renamed(deed: Deed, names: dict[str, str]) -> Deed:
    """The same deed under this workspace's ids."""
    fields = ("id",) if isinstance(deed, Renamed) else ("job_id", "parent_id", "deployment_id")
    changes = {name: names[old] for name in fields if (old := getattr(deed, name, None)) is not None}
    return deed.model_copy(update=changes)
