"""Share, look, make it mine; export, import, fork, look back and rewind: from the page, as a person does."""

import json

import pytest
from screen import HOME, button, labels, opened, ran, still_store, visit, words

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidLink
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import links, selection, validation
from vapor_core.workspace.store import Store
from vapor_ui.shell.state import Visit

MONITOR, COMPARE = "2_Monitor", "3_Compare"
CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", method="full", max_steps=3000)


@pytest.fixture
def worked() -> Store:
    """A still workspace with a job that is about half way."""
    store = Store()
    store.set_speed(1.0, now=0.0)
    store.submit(CONFIG, now=0.0, name="half way")
    store.advance(now=400.0)
    store.set_speed(0.0, now=400.0)
    return store


@pytest.fixture
def link(worked) -> str:
    return links.pack(selection.share(worked, "job", ["job-1"]))


@pytest.mark.slow
def test_a_shared_link_is_shown_read_only_and_nothing_can_be_done(link, worked):
    app = opened(MONITOR, job="job-1", world=link)
    assert "Shared, read-only" in words(app)
    assert "half way" in app.subheader[0].value
    assert not labels(app) & {"Pause", "Stop", "Clone", "Fork", "Rename", "Rewind"}
    step = worked.job("job-1").step
    assert f"step {step:,}" in str([one.proto for one in app.get("progress")])


@pytest.mark.slow
def test_make_it_mine_brings_it_into_the_own_workspace(link):
    own = still_store()
    own.submit(CONFIG.changed(seed=8), now=0.0, name="own")
    app = opened(MONITOR, own, job="job-1", world=link)
    button(app, "Make it mine").click()
    ran(app)
    assert [job.name for job in own.jobs()] == ["own", "half way"]
    assert "world" not in app.query_params
    assert app.query_params["job"] == "job-2"
    assert "read-only" not in words(app)
    assert "Clone" in labels(app)


def test_back_to_my_workspace_leaves_no_trace(link):
    own = still_store()
    app = opened(MONITOR, own, world=link)
    button(app, "Back to my workspace").click()
    ran(app)
    assert "read-only" not in words(app)
    assert "world" not in app.query_params
    assert not own.jobs()


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil", [lambda x: x[:-9], lambda x: "9." + x, lambda x: "<b>x</b>", lambda x: x * 90]
)
def test_a_bad_link_is_one_sentence_and_the_own_workspace(link, spoil):
    own = still_store()
    own.submit(CONFIG, now=0.0, name="own")
    app = opened(MONITOR, own, world=spoil(link))
    assert len(app.error) == 1
    assert "The link cannot be opened" in app.error[0].value
    assert "read-only" not in words(app)
    assert app.selectbox[0].options


def test_a_link_that_was_not_signed_here_is_refused(link, monkeypatch):
    monkeypatch.setenv("VAPOR_LINK_SECRET", "only here")
    app = opened(MONITOR, world=link)
    assert "signature is wrong" in app.error[0].value


@pytest.mark.slow
def test_the_share_dialog_has_an_address_that_opens_the_same(worked):
    app = opened(MONITOR, worked, job="job-1", smoothing="0.5")
    app.button(key="share_job").click()
    ran(app)
    address = app.code[0].value
    assert "Monitor?" in address
    assert "smoothing=0.5" in address
    world = address.split("world=")[1]
    assert validation.shared_store(links.unpack(world)).job("job-1") == worked.job("job-1")


@pytest.mark.slow
def test_what_is_too_large_for_a_link_is_told(worked, monkeypatch):
    def refuse(*_):
        raise InvalidLink("this is too large for a link")

    monkeypatch.setattr(links, "pack", refuse)
    app = opened(MONITOR, worked, job="job-1")
    app.button(key="share_job").click()
    ran(app)
    assert "too large" in app.error[0].value


def test_looking_back_shows_the_world_at_that_step(worked):
    app = opened(MONITOR, worked, job="job-1", back="true", at="50")
    assert app.slider(key="at").value == 50
    assert "step 50 of" in str([one.proto for one in app.get("progress")])


@pytest.mark.slow
def test_a_fork_from_the_dialog_parts_from_its_parent(worked):
    app = opened(MONITOR, worked, job="job-1")
    button(app, "Fork").click()
    ran(app)
    next(one for one in app.text_input if one.label == "Learning rate").set_value("9e-4")
    next(one for one in app.number_input if one.label == "From step").set_value(40)
    button(app, "Fork").click()  # AppTest knows no reruns of a dialog alone
    button(app, "Fork it").click()
    app.run()
    fork = worked.job("job-2")
    assert (fork.parent_id, fork.fork_step) == ("job-1", 40)
    assert fork.config == worked.job("job-1").config.changed(learning_rate=9e-4)
    assert "Its first 40 steps are another job's" in words(opened(MONITOR, worked, job="job-2"))


@pytest.mark.slow
def test_the_workspace_is_rewound_and_left_again(worked):
    app = opened(MONITOR, worked)
    button(app, "Rewind").click()
    ran(app)
    assert "Replay, read-only" in words(app)
    assert visit(app).looking.store is not worked
    app.slider(key="replay_share").set_value(100.0)
    ran(app)
    assert visit(app).looking.store.jobs() == worked.jobs()
    button(app, "Back to now").click()
    ran(app)
    assert "read-only" not in words(app)


@pytest.mark.slow
def test_an_imported_log_can_be_watched_and_compared(worked):
    state = {"log_history": [{"step": step, "loss": 3.0 - step / 100} for step in range(10, 100, 10)]}
    job = worked.import_log(
        read_log("trainer_state.json", json.dumps(state).encode()), now=400.0, name="real"
    )
    app = opened(MONITOR, worked, job=job.id)
    assert "made elsewhere" in words(app)
    assert not labels(app) & {"Deploy", "Clone", "Fork"}
    app = opened(COMPARE, worked, jobs=f"job-1,{job.id}")
    assert app.multiselect[0].value == ["job-1", job.id]


def test_a_log_that_tells_a_loss_alone_is_not_drawn_with_empty_charts(worked):
    rows = "\n".join(f"{step},{3.0 - step / 100}" for step in range(1, 100))
    job = worked.import_log(read_log("own.csv", f"step,loss\n{rows}".encode()), now=400.0)
    app = opened(MONITOR, worked, job=job.id)
    assert len(app.get("vega_lite_chart")) == 1


@pytest.mark.slow
def test_files_that_were_given_become_jobs_and_bad_ones_are_told(worked):
    state = {"log_history": [{"step": step, "loss": 3.0 - step / 100} for step in range(10, 100, 10)]}
    app = opened(COMPARE, worked)
    app.file_uploader(key="log_files").set_value(
        [
            ("trainer_state.json", json.dumps(state).encode(), "application/json"),
            ("torn.csv", b"step,loss\n1,2.0\nx,3\n2,1.9,7\n3,1.8\n", "text/csv"),
            ("other.csv", b"foo,bar\n1,2\n", "text/csv"),
        ]
    )
    ran(app)
    assert [job.name for job in worked.jobs()] == ["half way", "trainer_state.json", "torn.csv"]
    assert "no column that is known as a loss" in app.error[0].value
    assert "line 4" in words(app)
    assert len(worked.jobs()) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [HOME, "1_Train", MONITOR, COMPARE, "4_Deployments", "5_Models", "6_Fidelity"]
)
def test_every_page_of_a_shared_world_says_which_figures_nobody_checked(page):
    """It was told once a visit, on whatever page came first."""
    theirs = Store()
    theirs.submit(CONFIG, now=0.0)
    theirs.import_log(read_log("log.csv", b"step,loss\n1,0.9\n2,0.1\n"), now=1.0)
    theirs.advance(now=20.0)
    seen = Visit(welcome="seen")
    seen.told.update(validation.shared_store(selection.share(theirs, "workspace")).notices)
    app = opened(page, kept=[seen], world=links.pack(selection.share(theirs, "workspace")))
    assert "comes from log files of whoever shared this" in words(app)
    assert not app.toast
