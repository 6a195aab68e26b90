"""Rules on a screen: kept on Monitor, told in a banner, seen by a click."""

from screen import button, opened, ran, still_store, words

from vapor_core.contracts.training import JobConfig
from vapor_core.journal.other_events import RuleKept

PAGE = "2_Monitor"
SICK = JobConfig(
    model="openai-community/gpt2", method="full", learning_rate=0.05, warmup_ratio=0.0, max_steps=400, seed=1
)


def with_job(config=SICK):
    store = still_store()
    job = store.submit(config, now=0.0)
    return store, job


def test_a_rule_is_kept_from_the_page_and_forgotten_there():
    store, job = with_job()
    app = opened(PAGE, store, {"job": job.id})
    app.selectbox(key="rule.watched_for").set_value("over_budget")
    ran(app)
    app.number_input(key="rule.threshold.over_budget").set_value(3.5)
    app.checkbox(key="rule.stops").set_value(True)
    button(app, "Keep this rule").click()
    ran(app)
    (rule,) = store.rules()
    assert (rule.watched_for, rule.threshold, rule.stops, rule.jobs) == ("over_budget", 3.5, True, ())
    assert "**More cost than $3.50** · all live jobs · stops the job" in words(app).replace("\\", "")
    button(app, "Forget").click()
    ran(app)
    assert not store.rules()


def test_an_address_that_is_none_is_refused_in_a_sentence():
    store, job = with_job()
    app = opened(PAGE, store, {"job": job.id})
    app.text_input(key="rule.webhook").set_value("my channel")
    button(app, "Keep this rule").click()
    ran(app)
    assert not store.rules()
    assert "a webhook is an address that begins with" in words(app)


def test_what_a_rule_has_found_is_a_banner_until_it_is_seen():
    store, job = with_job()
    store.keep_rule(RuleKept(name="Divergence", watched_for="divergence"), now=0.0)
    store.set_speed(1e6, now=0.0)
    store.advance(now=1.0)
    store.set_speed(0.0, now=1.0)
    app = opened(PAGE, store, {"job": job.id})
    assert "**Divergence**: The loss blew up" in words(app)
    assert [each.name for each in store.fired(job.id)] == ["Divergence"]
    button(app, "Seen").click()
    ran(app)
    assert "**Divergence**: The loss blew up" not in words(app)
