"""Where the Hub's client goes and what it shows: never into the server's own network, nor what is somebody else's."""

import pytest
from hub_server import CONFIG, GATED, MISSING, QWEN_CONFIG, TOKEN, as_json, listed, running

from vapor_core.hub.client import HubClient
from vapor_core.hub.request import MOST_REDIRECTS, followed


@pytest.fixture
def private(hub):
    """The Hub with a private model of the server's owner: listed, and found, by their token alone."""
    everything = as_json([listed("acme/secret"), listed("acme/tiny")])

    def by_token(theirs, others):
        return lambda _: theirs if hub.asked[-1][2].get("authorization") == f"Bearer {TOKEN}" else others

    hub.routes["/api/models"] = by_token(everything, as_json([listed("acme/tiny")]))
    hub.routes["/api/models/acme/secret"] = by_token(as_json(listed("acme/secret")), MISSING)
    hub.routes["/acme/secret/resolve/main/config.json"] = by_token(as_json(QWEN_CONFIG), MISSING)
    hub.routes[CONFIG] = by_token(as_json(QWEN_CONFIG), GATED)
    return hub


def test_no_visitor_sees_the_private_models_of_the_servers_owner(private):
    client = HubClient(private.url, TOKEN, offline=False)
    assert [model.id for model in client.search("acme", now=1.0).models] == ["acme/tiny"]
    found = client.model("acme/secret", now=1.0)
    assert found.model is None
    assert "no such model, or it is private" in found.reason


def test_the_servers_token_opens_the_files_of_a_gated_model_that_all_can_find(private):
    assert HubClient(private.url, TOKEN, offline=False).model("acme/tiny").usable
    assert not HubClient(private.url, offline=False).model("acme/tiny").usable


def test_a_persons_own_token_finds_what_is_theirs_and_the_next_visitor_does_not(private):
    client = HubClient(private.url, offline=False)
    assert "acme/secret" in [model.id for model in client.search("acme", now=1.0, token=TOKEN).models]
    assert client.model("acme/secret", now=1.0, token=TOKEN).usable
    assert "acme/secret" not in [model.id for model in client.search("acme", now=1.0).models]
    assert not client.model("acme/secret", now=1.0).usable
    assert TOKEN not in str(vars(client))


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1:{port}/latest/meta-data",
        "http://localhost:{port}/latest/meta-data",
        "http://[::1]:{port}/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/admin",
        "https://example.com/config.json",
        "http://cdn-lfs.hf.co/config.json",  # not over TLS
        "https://cdn-lfs.hf.co:8443/config.json",
        "https://hf.co@127.0.0.1/",
        "https://evilhf.co/config.json",
        "https://huggingface.co.example.com/config.json",
        "//example.com/config.json",
        "file:///etc/passwd",
        "https://[nonsense/",
    ],
)
def test_no_redirect_leads_into_the_servers_own_network(hub, client, elsewhere):
    with running() as inner:
        inner.routes["/latest/meta-data"] = as_json(QWEN_CONFIG)
        target = elsewhere.format(port=inner.url.rpartition(":")[2])
        hub.routes[CONFIG] = (302, {"Location": target}, b"")
        hub.routes["/api/models"] = (302, {"Location": target}, b"")
        assert "not its own" in client.model("acme/tiny").reason
        assert "not its own" in client.search("tiny").notice
        assert inner.asked == []


@pytest.mark.parametrize("location", ["/moved", "moved", "{url}/moved"])
def test_a_redirect_within_the_hub_is_followed(hub, client, location):
    hub.routes["/acme/tiny/resolve/main/moved"] = hub.routes["/moved"] = hub.routes[CONFIG]
    hub.routes[CONFIG] = (307, {"Location": location.format(url=hub.url)}, b"")
    assert client.model("acme/tiny").usable


def test_a_circle_of_redirects_ends(hub, client):
    hub.routes["/api/models"] = (302, {"Location": "/api/models"}, b"")
    assert "from one address to the next" in client.search("tiny").notice
    assert len(hub.asked) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    ("url", "is_followed"),
    [
        ("https://cdn-lfs.hf.co/repos/x", True),
        ("https://cas-bridge.xethub.hf.co/x", True),
        ("https://cdn-lfs.huggingface.co/x", True),
        ("https://huggingface.co/api/resolve-cache/models/x", True),
        ("http://huggingface.co/x", False),
        ("https://huggingface.co:99999/x", False),
    ],
)
def test_files_are_followed_to_the_hosts_that_serve_the_hubs_files(url, is_followed):
    assert followed(url, "https://huggingface.co") == is_followed
