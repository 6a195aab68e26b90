"""Who signs in has a workspace on every device; who does not is nobody else. Against a real provider on loopback."""

import re
from contextlib import contextmanager

import pytest
from oidc_server import CLIENT, PEOPLE, SECRET, provider
from playwright.sync_api import expect

from tests.browser.app import free_port, serving
from tests.browser.test_workspaces import opened, settled, started, visitor

pytestmark = pytest.mark.browser
COOKIE_SECRET = "the cookie secret of the tests"  # noqa: S105 - of a server that lasts as long as a test


@contextmanager
def signing(folder):
    """The app with sign-in switched on."""
    port = free_port()
    with provider() as oidc:
        secrets = folder / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir()
        secrets.write_text(
            f"""[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "{COOKIE_SECRET}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{oidc.url}/.well-known/openid-configuration"
"""
        )
        with serving(folder, port=port) as server:
            yield server


def sign_in(page, person):
    opened(page, "/")
    page.get_by_role("button", name="Start empty").click()
    settled(page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=PEOPLE[person]).click()
    expect(page.get_by_text(PEOPLE[person])).to_be_visible(timeout=60_000)
    return settled(page)


def test_a_workspace_follows_its_person_and_nobody_else(browser, tmp_path):
    with signing(tmp_path) as server:
        laptop, phone, other = (visitor(browser, server.url) for _ in range(3))
        sign_in(laptop, "ada")
        started(laptop)
        name = laptop.locator("h3").first.inner_text()
        sign_in(phone, "ada")
        opened(phone, "/Monitor?job=job-1")
        expect(phone.get_by_role("heading", name=name)).to_be_visible()
        sign_in(other, "ben")
        opened(other, "/Monitor?job=job-1")
        expect(other.get_by_text(re.compile("no job"))).to_be_visible()
        phone.get_by_role("button", name="Sign out").click()
        expect(phone.get_by_role("button", name="Sign in")).to_be_visible(timeout=60_000)
        opened(phone, "/Monitor?job=job-1")
        expect(phone.get_by_text(re.compile("no job"))).to_be_visible()
        for page in (laptop, phone, other):
            page.context.close()
        printed = server.log.read_text()
        assert not [told for told in ("subject-", SECRET, COOKIE_SECRET) if told in printed]
        assert server.trouble() == []


def test_an_invited_viewer_looks_an_editor_works_and_a_stranger_does_neither(browser, tmp_path):
    with signing(tmp_path) as server:
        owner, guest, stranger = (visitor(browser, server.url) for _ in range(3))
        sign_in(owner, "ada")
        started(owner)
        name = owner.locator("h3").first.inner_text()
        sign_in(guest, "ben")
        for role, buttons in (("look at it", 0), ("work in it", 1)):
            opened(owner, "/Monitor?job=job-1")
            owner.get_by_role("button", name="People").click()
            owner.get_by_role("radio", name=role).click()
            owner.get_by_role("button", name="Make an invitation").click()
            link = owner.locator("code").filter(has_text="invite=").inner_text().strip()
            opened(guest, link)
            guest.get_by_role("button", name="Join").click()
            expect(guest.get_by_text("invites you")).to_have_count(0)
            opened(guest, link)  # the second time it is taken already
            expect(guest.get_by_text("taken already")).to_be_visible()
            guest.get_by_role("combobox", name="Workspace").click()
            guest.get_by_role("option", name=re.compile(PEOPLE["ada"])).click()
            settled(guest)
            guest.get_by_role("link", name=name).click()
            expect(guest.get_by_role("heading", name=name)).to_be_visible()
            expect(guest.get_by_role("button", name="Clone")).to_have_count(buttons)
        opened(owner, "/Monitor?job=job-1")
        owner.get_by_role("button", name="People").click()
        owner.get_by_role("button", name="Remove").click()
        expect(guest.get_by_text("Your role in that workspace has changed")).to_be_visible()  # by itself
        expect(guest.get_by_role("heading", name=name)).to_have_count(0)
        opened(stranger, link)
        expect(stranger.get_by_text("Sign in first")).to_be_visible()
        expect(stranger.get_by_text(name)).to_have_count(0)
        assert server.trouble() == []
        for page in (owner, guest, stranger):
            page.context.close()
