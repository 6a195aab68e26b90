"""What every event is, and the events that hold words and numbers alone.

They are what was done to time and to ids, and those of the log that all workspaces share: who was let into whose, by
whom. An event is frozen and versioned, its numbers are finite, and it has no fields that nobody knows.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """An action. When it happened stands beside it, in the journal's entry."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    version: Literal[1] = 1


class SpeedSet(Event):
    """Simulated seconds a second of the caller's clock; 0 pauses the world."""

    kind: Literal["speed_set"] = "speed_set"
    speed: float


class TimeSkipped(Event):
    """The world went forward by itself, at one instant of the caller's clock."""

    kind: Literal["time_skipped"] = "time_skipped"
    seconds: float


class ClockCorrected(Event):
    """Whoever acts has a clock that is so many seconds behind the last event's, which was dated by a wrong one.

    From here on, events are dated by the caller's clock plus these seconds, until that clock reaches this event.
    """

    kind: Literal["clock_corrected"] = "clock_corrected"
    ahead_s: Annotated[float, Field(gt=0.0)]


class IdsReserved(Event):
    """Ids of jobs and deployments that are not given out again: what had them was damaged and is no longer here."""

    kind: Literal["ids_reserved"] = "ids_reserved"
    ids: tuple[str, ...]


Role = Literal["viewer", "editor"]


class Invited(Event):
    """Whoever brings the token may join a workspace; only its digest is kept."""

    kind: Literal["invited"] = "invited"
    workspace: str
    digest: str
    role: Role
    by: str
    person: str = ""  # the id of who invites


class Joined(Event):
    """A person took an invitation."""

    kind: Literal["joined"] = "joined"
    digest: str
    person: str
    name: str


class Left(Event):
    """A person has a role in a workspace no more."""

    kind: Literal["left"] = "left"
    workspace: str
    person: str


class Withdrawn(Event):
    """An invitation that nobody has taken grants nothing any more."""

    kind: Literal["withdrawn"] = "withdrawn"
    workspace: str
    digest: str


class RoleSet(Event):
    """A person who is in a workspace may do more or less in it from now on."""

    kind: Literal["role_set"] = "role_set"
    workspace: str
    person: str
    role: Role


Membership = Invited | Joined | Left | Withdrawn | RoleSet
