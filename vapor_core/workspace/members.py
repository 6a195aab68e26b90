"""Who may see or change whose workspace: invitations, roles and members, kept in a log of their own in the journal.

An invitation is a token that only its bearer has; the journal keeps its digest. It is taken once, within a week, and
only while whoever made it may work there. Who people are is the sign-in's question. Where an entry of the log is
damaged, whoever it names has no role until the owner gives it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from vapor_core.errors import InvalidLink, JournalError, NotFound
from vapor_core.journal.events import SetAside, WorkspaceEvent
from vapor_core.journal.journal import Journal, JournalConflict
from vapor_core.journal.metric_blocks import Floats, MetricBlock
from vapor_core.journal.other_events import Invited, Joined, Left, Membership, Role, RoleSet, Withdrawn
from vapor_core.journal.read_only import VIEWER
from vapor_core.journal.records import Entry

LOG = "~members"  # a workspace's id never begins like this
VALID_S = 7 * 86_400.0
ATTEMPTS = 20
EARLY_S = 300.0  # an invitation may be dated so much later than a clock that reads it
REMOVED = (
    "you are no member of this workspace any more; go back to your own, or ask its owner for an invitation"
)


@dataclass(frozen=True, slots=True)
class Member:
    """A person with a role in somebody else's workspace."""

    workspace: str
    owner: str  # the name of who invited
    person: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Invitation:
    """One that nobody has taken yet. `digest` names it; the token itself is not kept. Times by the caller's clock."""

    workspace: str
    digest: str
    role: Role
    by: str  # the name of who made it
    made_at: float

    @property
    def ends_at(self) -> float:
        """When it is too old."""
        return self.made_at + VALID_S


class Members:
    """All memberships of a journal, as this process knows them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._number = 0
        self._invited: dict[str, tuple[Entry, Invited]] = {}  # not yet taken, by digest
        self._members: dict[tuple[str, str], Member] = {}
        self._removed: dict[tuple[str, str], int] = {}  # the number of the entry that took a role away
        self.refresh()

    def refresh(self) -> None:
        """Take in what was decided elsewhere."""
        for entry in self._journal.read(LOG, self._number):
            self._number = entry.number
            self._take(entry)

    def invite(
        self, workspace: str, role: Role, token: str, *, by: str, now: float, person: str | None = None
    ) -> None:
        """Let the bearer of a token join.

        Args:
            workspace: which.
            role: what the bearer may do in it.
            token: only its digest is kept.
            by: the name of who invites.
            now: the caller's clock.
            person: the id of who invites; the workspace's owner where None.

        Raises:
            JournalError: where who invites may not work in it.
        """
        who = workspace if person is None else person
        self.refresh()
        if who != workspace and self.role(workspace, who) != "editor":
            raise JournalError(REMOVED if self.role(workspace, who) is None else VIEWER)
        self._append(
            Invited(workspace=workspace, digest=digest_of(token), role=role, by=by[:200], person=who), now
        )

    def invitation(self, token: str, *, person: str, now: float) -> Invited:
        """What a token grants.

        Raises:
            InvalidLink: where it is unknown, taken, withdrawn or too old, was made before the person was removed, or
                leads to one's own workspace.
        """
        self.refresh()
        entry, invited = self._invited.get(digest_of(token), (None, None))
        if entry is None or invited is None or not entry.at - EARLY_S <= now <= entry.at + VALID_S:
            raise InvalidLink("this invitation was taken already, is too old or none; ask for a new one")
        if invited.workspace == person:
            raise InvalidLink("this is an invitation to your own workspace; send it to somebody else")
        if self._removed.get((invited.workspace, person), 0) > entry.number:
            raise InvalidLink("this invitation was made before your role was taken away; ask for a new one")
        return invited

    def invitations(self, workspace: str, *, now: float) -> tuple[Invitation, ...]:
        """Those to a workspace that can still be taken, in the order in which they were made."""
        return tuple(
            Invitation(workspace, invited.digest, invited.role, invited.by, entry.at)
            for entry, invited in self._invited.values()
            if invited.workspace == workspace and now <= entry.at + VALID_S
        )

    def withdraw(self, workspace: str, digest: str, *, now: float) -> None:
        """Let an invitation that nobody has taken grant nothing any more."""
        self._append(Withdrawn(workspace=workspace, digest=digest), now)

    def accept(self, token: str, *, person: str, name: str, now: float) -> Member:
        """Join by a token.

        Raises:
            InvalidLink: see `invitation`.
        """
        for _ in range(ATTEMPTS):
            invited = self.invitation(token, person=person, now=now)
            try:
                self._write(Joined(digest=invited.digest, person=person, name=name[:200]), now)
            except JournalConflict:
                continue
            return self._members[invited.workspace, person]
        raise JournalError("too many people act at once; try again in a moment")

    def set_role(self, workspace: str, person: str, role: Role, *, now: float) -> Member:
        """Let a person do more or less than before.

        Raises:
            NotFound: where nobody of that id is in the workspace.
        """
        self.refresh()
        if (workspace, person) not in self._members:
            raise NotFound("nobody of that name is in this workspace any more; invite them again")
        self._append(RoleSet(workspace=workspace, person=person, role=role), now)
        member = self._members.get((workspace, person))
        if member is None:
            raise NotFound("nobody of that name is in this workspace any more; invite them again")
        return member

    def remove(self, workspace: str, person: str, *, now: float) -> None:
        """Take a person's role away, and with it the invitations that they made; none from before lets them in."""
        self._append(Left(workspace=workspace, person=person), now)

    def of(self, workspace: str) -> tuple[Member, ...]:
        """Who else is in a workspace."""
        return tuple(member for member in self._members.values() if member.workspace == workspace)

    def joined(self, person: str) -> tuple[Member, ...]:
        """A person's roles in the workspaces of others."""
        return tuple(member for member in self._members.values() if member.person == person)

    def role(self, workspace: str, person: str) -> Role | None:
        """What a person may do in somebody else's workspace: "viewer" looks, "editor" acts."""
        member = self._members.get((workspace, person))
        return None if member is None else member.role

    def _take(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, Invited):
            self._invited[event.digest] = (entry, event)
        elif isinstance(event, Joined):
            _, invited = self._invited.pop(event.digest, (entry, None))
            if invited is not None:
                self._members[invited.workspace, event.person] = Member(
                    invited.workspace, invited.by, event.person, event.name, invited.role
                )
        elif isinstance(event, Withdrawn):
            invited = self._invited.get(event.digest, (entry, None))[1]
            if invited is not None and invited.workspace == event.workspace:
                del self._invited[event.digest]
        elif isinstance(event, RoleSet):
            key = (event.workspace, event.person)
            if key in self._members:
                self._members[key] = replace(self._members[key], role=event.role)
            if event.role == "viewer":
                self._withdraw_those_of(*key)
        elif isinstance(event, Left):
            self._lose((event.workspace, event.person), entry.number)
        elif isinstance(event, SetAside):
            self._lose_who_is_named(event, entry.number)

    def _lose(self, key: tuple[str, str], number: int) -> None:
        self._members.pop(key, None)
        self._removed[key] = number
        self._withdraw_those_of(*key)

    def _lose_who_is_named(self, event: SetAside, number: int) -> None:
        """What was damaged may have been a removal: whoever it names has no role until it is given again."""
        for key in [key for key in self._members if key[1] in event.body]:
            self._lose(key, number)
        for digest in [digest for digest in self._invited if digest in event.body]:
            del self._invited[digest]

    def _withdraw_those_of(self, workspace: str, person: str) -> None:
        """Invitations to a workspace that a person made, who is not its owner."""
        for digest, (_, invited) in list(self._invited.items()):
            if invited.workspace == workspace and invited.person == person != workspace:
                del self._invited[digest]

    def _append(self, event: Membership, now: float) -> None:
        for _ in range(ATTEMPTS):
            self.refresh()
            try:
                self._write(event, now)
            except JournalConflict:
                continue
            return
        raise JournalError("too many people act at once; try again in a moment")

    def _write(self, event: Membership, now: float) -> None:
        """Dated by the caller's clock: one that was wrong once must not make later invitations valid for longer."""
        self._journal.append(LOG, self._number, now, event)
        self.refresh()


class MemberJournal:
    """A journal as a member of somebody else's workspace has it: the role is looked up whenever it is used.

    Args:
        journal: that keeps the workspace, and the log of members.
        members: of that journal; refreshed here, one look for new entries each time.
        workspace: the one that may be used.
        person: who uses it.
    """

    def __init__(self, journal: Journal, members: Members, workspace: str, person: str) -> None:
        self._journal, self._members = journal, members
        self._workspace, self._person = workspace, person

    @property
    def role(self) -> Role | None:
        """As far as it is known here; see `Members.refresh`."""
        return self._members.role(self._workspace, self._person)

    @property
    def read_only(self) -> bool:
        """Whether this person may not act."""
        return self._journal.read_only or self.role != "editor"

    @property
    def notices(self) -> tuple[str, ...]:
        """The journal's."""
        return self._journal.notices

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """The journal's entries.

        Raises:
            JournalError: where this person has no role any more.
        """
        self._allowed(workspace)
        return self._journal.read(workspace, after)

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Add an entry.

        Raises:
            JournalError: where this person may only look, or has no role any more.
        """
        self._allowed(workspace, "editor")
        return self._journal.append(workspace, after, at, event)

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Add points of a real run.

        Raises:
            JournalError: where this person may only look, or has no role any more.
        """
        self._allowed(workspace, "editor")
        return self._journal.append_metrics(workspace, job_id, after, columns)

    def metric_blocks(self, workspace: str, job_id: str, after: int = 0) -> tuple[MetricBlock, ...]:
        """The journal's points.

        Raises:
            JournalError: where this person has no role any more.
        """
        self._allowed(workspace)
        return self._journal.metric_blocks(workspace, job_id, after)

    def close(self) -> None:
        """The journal is others' too."""

    def _allowed(self, workspace: str, needs: Role = "viewer") -> None:
        self._members.refresh()
        if workspace != self._workspace or self.role is None:
            raise JournalError(REMOVED)
        if needs == "editor" and self.role != "editor":
            raise JournalError(VIEWER)


def digest_of(token: str) -> str:
    """What the journal keeps of a token."""
    return blake2b(token.encode(), digest_size=24).hexdigest()
