"""An invitation is taken once, in time, by somebody else; what it grants can be taken back."""

import pytest

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidLink, JournalError
from vapor_core.journal.journal import MemoryJournal
from vapor_core.journal.read_only import WatchedJournal
from vapor_core.journal.sql import open_journal
from vapor_core.workspace.members import LOG, VALID_S, Members
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
