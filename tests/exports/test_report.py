"""A report opens offline, holds its charts, and runs nothing that a name says."""

from html.parser import HTMLParser

import pandas as pd
import pytest

import vapor_core as vapor
from vapor_core.exports.report import comparison_report, job_report
from vapor_core.readers.run_logs import read_log

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=alert(1)> & </pre><script>alert(2)</script>"
CONFIG = vapor.JobConfig(model="HuggingFaceTB/SmolLM2-360M", dataset="yahma/alpaca-cleaned", max_steps=300)
JOB = vapor.Job(
    id="job-1",
    name=HOSTILE,
    config=CONFIG,
    status="running",
    submitted_s=0.0,
    step=300,
    total_steps=300,
    elapsed_s=80.0,
)


class Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]


def test_a_job_report_has_its_charts_and_no_script_and_loads_nothing():
    page = job_report(JOB, vapor.simulate(CONFIG), vapor.estimate(CONFIG), [])
    reader = Reader(page)
    assert reader.tags.count("svg") == 5
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert not [address for address in reader.addresses if not address.startswith(("#", "data:"))]
    assert "url(http" not in page


def test_a_report_says_the_figures():
    page = job_report(JOB, vapor.simulate(CONFIG), vapor.estimate(CONFIG), [])
    assert "HuggingFaceTB/SmolLM2-360M" in page
    assert "300 of 300" in page


def test_a_comparison_shows_what_differs():
    other = JOB.changed(id="job-2", name="second", config=CONFIG.changed(lora_rank=64))
    frames = {"job-1": vapor.simulate(CONFIG), "job-2": vapor.simulate(other.config)}
    page = comparison_report(
        [JOB, other], frames, pd.DataFrame({"setting": ["lora_rank"], "job-1": [16], "job-2": [64]})
    )
    assert "lora_rank" in page
    assert Reader(page).tags.count("svg") == 1
    assert "script" not in Reader(page).tags


def test_a_report_of_a_log_makes_up_no_configuration_and_no_cost():
    rows = b"step,loss,eval_web_loss,eval_code_loss,odd\n1,3.0,3.1,3.2,1\n2,2.0,2.1,2.2,1\n"
    store = vapor.Store()
    job = store.import_log(read_log("real.csv", rows), now=0.0, name="real")
    page = job_report(job, store.metrics(job.id).frame(), None, store.events(job.id))
    for made_up in ("unknown", "Cost", "$0.00", "learning_rate", "<pre>"):
        assert made_up not in page
    assert "Not drawn: odd." in page
    assert "eval code" in page  # the further set's line
    compared = comparison_report([job], {job.id: store.metrics(job.id).frame()}, pd.DataFrame())
    assert "unknown" not in compared
