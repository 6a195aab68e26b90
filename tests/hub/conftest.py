"""A Hub on loopback with two models, and a client that asks it."""

import pytest
from hub_server import CONFIG, QWEN_CONFIG, as_json, listed, running
from huggingface_hub.utils import close_session

from vapor_core.hub.client import HubClient


@pytest.fixture
def hub():
    with running() as server:
        server.routes["/api/models"] = as_json([listed("acme/tiny"), listed("acme/small", downloads=7)])
        server.routes["/api/models/acme/tiny"] = as_json(listed("acme/tiny"))
        server.routes[CONFIG] = as_json(QWEN_CONFIG)
        yield server
        close_session()


@pytest.fixture
def client(hub):
    return HubClient(hub.url, timeout_s=5.0, offline=False)
