"""Rules are looked at by the server too, while no page is open."""

import time

from vapor_api.watching import Sentry
from vapor_core.hub.webhook import Messenger
from vapor_core.journal.other_events import RuleKept
from vapor_core.workspace.store import Store


class Heard(Messenger):
    def __init__(self):
        super().__init__()
        self.told = []

    def send(self, url, message):
        self.told.append((url, message["text"]))


def test_a_run_that_breaks_with_no_page_open_is_told_of_once(client, store):
    store.keep_rule(
        RuleKept(name="broken", watched_for="not_a_number", webhook="https://a.example/x"), now=time.time()
    )
    run = client.run(run_name="mine")
    sentry = Sentry(lambda: store.journal, Heard())
    assert sentry.look(time.time()) == 0
    client.post("runs/log-metric", run_id=run, key="loss", value="NaN", step=3, timestamp=1)
    assert sentry.look(time.time()) == 1
    assert sentry.look(time.time()) == 0
    assert sentry.messenger.told == [
        ("https://a.example/x", "mine: The train loss is no number at step 3. (rule broken, step 3)")
    ]
    assert [each.name for each in Store(store.journal, store.workspace).fired()] == ["broken"]


def test_a_server_that_keeps_nothing_watches_nothing():
    assert Sentry(lambda: None).look(time.time()) == 0
