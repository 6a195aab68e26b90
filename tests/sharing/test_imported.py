"""A link with figures that nobody computed says so, signed or not."""

from shared_world import CONFIG

from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, links, selection, validation
from vapor_core.workspace.store import Store

LOG = b"step,loss\n1,0.9\n2,0.1\n"


def with_logs(count):
    store = Store()
    store.submit(CONFIG, now=0.0)
    for k in range(count):
        store.import_log(read_log("log.csv", LOG), now=1.0 + k, name=f"state of the art {k}")
    store.advance(now=20.0)
    return store


def test_a_link_the_server_signed_does_not_vouch_for_figures_from_a_file():
    secret = "of the server"  # noqa: S105 - a made-up one
    link = links.pack(selection.share(with_logs(1), "workspace"), secret)
    looked = validation.shared_store(links.unpack(link, secret))
    (notice,) = looked.notices
    assert notice.startswith("job-2 comes from log files of whoever shared this")
    assert "nobody has checked them" in notice


def test_each_of_many_logs_counts_and_adopted_ones_too():
    theirs = Store()
    theirs.adopt(validation.past(selection.share(with_logs(7), "workspace")), now=0.0)
    theirs.advance(now=1.0)
    file = files.to_file(selection.share(theirs, "workspace"))
    (notice,) = validation.shared_store(files.from_file("work.json", file)).notices
    assert notice.startswith("job-2, job-3, job-4, job-5, job-6 and 2 more come from log files")


def test_what_vapor_computed_needs_no_word():
    assert validation.shared_store(selection.share(with_logs(0), "workspace")).notices == ()


def test_a_part_without_the_log_has_no_notice():
    assert validation.shared_store(selection.share(with_logs(1), "job", ["job-1"])).notices == ()
