"""An invitation is taken once, in time, by somebody else; what it grants can be taken back."""

import numpy as np
import pytest

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidLink, JournalError, NotFound
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.read_only import WatchedJournal
from vapor_core.journal.sql import open_journal
from vapor_core.workspace.members import LOG, VALID_S, MemberJournal, Members
from vapor_core.workspace.store import Store

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", max_steps=100)


@pytest.fixture
def journal():
    return MemoryJournal()


def test_an_invitation_grants_its_role_and_only_that(journal):
    members = Members(journal)
    members.invite("person-ada", "viewer", "token", by="Ada", now=0.0)
    joined = members.accept("token", person="person-ben", name="Ben", now=10.0)
    assert (joined.workspace, joined.owner, joined.role) == ("person-ada", "Ada", "viewer")
    assert members.role("person-ada", "person-ben") == "viewer"
    assert members.role("person-ben", "person-ada") is None
    assert members.role("person-ada", "person-eve") is None


@pytest.mark.parametrize(
    ("token", "person", "now"),
    [("other", "person-ben", 1.0), ("token", "person-ben", VALID_S + 1), ("token", "person-ada", 1.0)],
)
def test_a_wrong_an_old_and_an_own_invitation_are_refused(journal, token, person, now):
    members = Members(journal)
    members.invite("person-ada", "editor", "token", by="Ada", now=0.0)
    with pytest.raises(InvalidLink):
        members.accept(token, person=person, name="x", now=now)


def test_an_invitation_is_taken_once(journal):
    members, elsewhere = Members(journal), Members(journal)
    members.invite("person-ada", "editor", "token", by="Ada", now=0.0)
    members.accept("token", person="person-ben", name="Ben", now=1.0)
    with pytest.raises(InvalidLink):
        elsewhere.accept("token", person="person-eve", name="Eve", now=2.0)


def test_who_was_removed_has_no_role_in_another_process_either(tmp_path):
    first, second = (open_journal(tmp_path / "vapor.db") for _ in range(2))
    here, there = Members(first), Members(second)
    here.invite("person-ada", "editor", "token", by="Ada", now=0.0)
    there.accept("token", person="person-ben", name="Ben", now=1.0)
    here.refresh()
    assert [member.name for member in here.of("person-ada")] == ["Ben"]
    here.remove("person-ada", "person-ben", now=2.0)
    there.refresh()
    assert there.role("person-ada", "person-ben") is None
    assert not there.joined("person-ben")
    first.close()
    second.close()


def test_the_token_itself_is_not_kept(journal):
    Members(journal).invite("person-ada", "editor", "a secret token", by="Ada", now=0.0)
    assert "a secret token" not in str(journal.read(LOG))


def test_a_viewer_sees_what_happens_and_changes_nothing(journal):
    own = Store(journal, "person-ada")
    watching = Store(WatchedJournal(journal), "person-ada")
    own.submit(CONFIG, now=0.0)
    watching.advance(now=5.0)
    assert len(watching.jobs()) == 1
    with pytest.raises(JournalError, match="ask its owner"):
        watching.stop("job-1", now=6.0)
    assert own.job("job-1").status != "stopped"


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shared(request, tmp_path):
    """(the journal, the members as another process has them, a store of Ben's in Ada's workspace)."""
    place = tmp_path / "work.db"
    if request.param == "postgres":
        place = request.getfixturevalue("postgres_server").database()
    journal = MemoryJournal() if request.param == "memory" else open_journal(place)
    owner = Members(journal)
    owner.invite("person-ada", "editor", "token", by="Ada", now=0.0)
    members = Members(journal)
    members.accept("token", person="person-ben", name="Ben", now=1.0)
    Store(journal, "person-ada").submit(CONFIG, now=2.0)
    yield journal, owner, Store(MemberJournal(journal, members, "person-ada", "person-ben"), "person-ada")
    journal.close()


def test_an_editor_works_as_long_as_the_role_lasts(shared):
    _, _, theirs = shared
    assert not theirs.journal.read_only
    theirs.rename("job-1", "by Ben", now=3.0)
    assert theirs.job("job-1").name == "by Ben"


def test_who_was_removed_reads_nothing_more_and_acts_no_more(shared):
    journal, owner, theirs = shared
    owner.remove("person-ada", "person-ben", now=3.0)
    with pytest.raises(JournalError, match="no member"):
        theirs.rename("job-1", "once more", now=4.0)
    with pytest.raises(JournalError, match="no member"):
        theirs.advance(now=5.0)
    with pytest.raises(JournalError, match="no member"):
        theirs.journal.append_metrics("person-ada", "job-1", 0, {"step": np.arange(2.0)})
    assert [entry.event.kind for entry in journal.read("person-ada")] == ["job_submitted"]


def test_an_editor_who_became_a_viewer_looks_and_acts_no_more(shared):
    journal, owner, theirs = shared
    assert owner.set_role("person-ada", "person-ben", "viewer", now=3.0).role == "viewer"
    with pytest.raises(JournalError, match="ask its owner"):
        theirs.stop("job-1", now=4.0)
    theirs.advance(now=5.0)
    assert theirs.journal.read_only and len(journal.read("person-ada")) == 1
    owner.set_role("person-ada", "person-ben", "editor", now=6.0)
    theirs.stop("job-1", now=7.0)
    assert theirs.job("job-1").status == "stopped"


def test_a_member_of_one_workspace_reads_no_other(shared):
    journal, _, theirs = shared
    Store(journal, "person-eve").submit(CONFIG, now=2.0)
    with pytest.raises(JournalError, match="no member"):
        theirs.journal.read("person-eve")


def test_a_member_asks_for_new_entries_of_the_log_alone(journal):
    owner = Members(journal)
    owner.invite("person-ada", "viewer", "token", by="Ada", now=0.0)
    members = Members(journal)
    members.accept("token", person="person-ben", name="Ben", now=1.0)
    asked = []

    class Asked(MemoryJournal):
        def read(self, workspace, after=0):
            asked.append((workspace, after))
            return journal.read(workspace, after)

    members._journal = Asked()
    MemberJournal(Asked(), members, "person-ada", "person-ben").read("person-ada", 7)
    assert asked == [(LOG, 2), ("person-ada", 7)]


def test_open_invitations_are_listed_and_can_be_withdrawn(database):
    journal = open_journal(database)
    members = Members(journal)
    for token in ("one", "two", "three"):
        members.invite("person-ada", "viewer", token, by="Ada", now=10.0)
    members.invite("person-eve", "viewer", "other", by="Eve", now=10.0)
    members.accept("two", person="person-ben", name="Ben", now=11.0)
    one, three = members.invitations("person-ada", now=12.0)
    assert (one.by, one.role, one.made_at, one.ends_at) == ("Ada", "viewer", 10.0, 10.0 + VALID_S)
    members.withdraw("person-ada", one.digest, now=13.0)
    members.withdraw("person-ada", members.invitations("person-eve", now=13.0)[0].digest, now=13.0)
    there = Members(journal)
    assert there.invitations("person-ada", now=14.0) == (three,)
    assert len(there.invitations("person-eve", now=14.0)) == 1
    assert there.invitations("person-ada", now=10.0 + VALID_S + 1) == ()
    with pytest.raises(InvalidLink):
        there.accept("one", person="person-cy", name="Cy", now=14.0)
    journal.close()


def test_removing_a_person_withdraws_their_invitations(journal):
    members = Members(journal)
    members.invite("person-ada", "editor", "token", by="Ada", now=0.0)
    members.accept("token", person="person-ben", name="Ben", now=1.0)
    members.invite("person-ada", "viewer", "from Ben", by="Ben", person="person-ben", now=2.0)
    members.invite("person-ada", "viewer", "from Ada", by="Ada", now=2.0)
    members.remove("person-ada", "person-ben", now=3.0)
    assert [each.by for each in members.invitations("person-ada", now=4.0)] == ["Ada"]
    with pytest.raises(InvalidLink):
        members.accept("from Ben", person="person-cy", name="Cy", now=4.0)
    with pytest.raises(JournalError, match="no member"):
        members.invite("person-ada", "viewer", "again", by="Ben", person="person-ben", now=5.0)


def test_who_was_removed_does_not_come_back_by_an_older_invitation(journal):
    members = Members(journal)
    for token in ("first", "second"):
        members.invite("person-ada", "editor", token, by="Ada", now=0.0)
    members.accept("first", person="person-ben", name="Ben", now=1.0)
    members.remove("person-ada", "person-ben", now=2.0)
    with pytest.raises(InvalidLink, match="before your role was taken away"):
        members.accept("second", person="person-ben", name="Ben", now=3.0)
    assert members.accept("second", person="person-cy", name="Cy", now=3.0).role == "editor"
    members.invite("person-ada", "viewer", "third", by="Ada", now=4.0)
    assert members.accept("third", person="person-ben", name="Ben", now=5.0).role == "viewer"


def test_a_viewer_invites_nobody(journal):
    members = Members(journal)
    members.invite("person-ada", "viewer", "token", by="Ada", now=0.0)
    members.accept("token", person="person-ben", name="Ben", now=1.0)
    with pytest.raises(JournalError, match="ask its owner"):
        members.invite("person-ada", "viewer", "more", by="Ben", person="person-ben", now=2.0)


def test_a_role_is_set_only_where_there_is_one(journal):
    with pytest.raises(NotFound):
        Members(journal).set_role("person-ada", "person-ben", "editor", now=1.0)


def test_an_invitation_that_a_wrong_clock_dated_does_not_last_for_a_year(journal):
    members = Members(journal)
    members.invite("person-ada", "editor", "ahead", by="Ada", now=3e7)
    members.invite("person-ada", "editor", "right", by="Ada", now=0.0)
    with pytest.raises(InvalidLink):
        members.accept("ahead", person="person-ben", name="Ben", now=100.0)
    with pytest.raises(InvalidLink):
        members.accept("right", person="person-ben", name="Ben", now=VALID_S + 1)


def test_a_damaged_entry_of_the_log_gives_nobody_a_role_back(tmp_path):
    journal = open_journal(tmp_path / "work.db")
    members = Members(journal)
    members.invite("person-ada", "editor", "token", by="Ada", now=0.0)
    members.accept("token", person="person-ben", name="Ben", now=1.0)
    members.remove("person-ada", "person-ben", now=2.0)
    with journal._engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE vapor_events SET body = replace(body, 'left', 'lift') WHERE number = 3"
        )
    assert Members(journal).role("person-ada", "person-ben") is None
    journal.close()
