"""Any query string gives a page, and no page shows a hostile name as anything but letters."""

import re
import time

import pytest
from hostile_values import KEYS, LONGEST_S, MARKUP, TEXTS, tried
from hypothesis import given
from hypothesis import strategies as st
from screen import HOME, opened, still_store

from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.workspace.store import Store

pytestmark = pytest.mark.slow

PAGES = [HOME, "1_Train", "2_Monitor", "3_Compare", "4_Deployments", "5_Models", "6_Fidelity", "7_Calibrate"]
NAMES = [
    *("job", "jobs", "deployment", "model", "clone", "world", "invite", "demo"),
    *("smoothing", "log", "x", "quantity", "back", "at", "range", "kind"),
]
VALUES = ["", ",", "job-1", "job-1,job-2", "job-9", "deployment-1", "0.9", "log", "1", "-1", "nan"]


def whole_letters(text: str) -> bool:
    """Whether an address can hold it: half a surrogate pair has no place in UTF-8."""
    return not re.search("[\ud800-\udfff]", text)


PARAMETERS = st.dictionaries(
    st.one_of(st.sampled_from(NAMES), KEYS.filter(whole_letters)),
    st.one_of(TEXTS, st.sampled_from(VALUES)).filter(whole_letters),
    max_size=3,
)
SHOWN_RAW = re.compile(r"(?<!\\)<img|(?<!\\)\[click\]\(|(?<!\\)\*\*b\*\*|(?<!\\):red\[r|(?<!\\)\$x(?<!\\)\$")


def hostile_store() -> Store:
    """A workspace in which every text that a person may choose is markup; time stands still in it."""
    store = still_store()
    model = CatalogModel(
        id=f"me/{MARKUP}"[:200], name=MARKUP, note=MARKUP, licence=MARKUP, source=MARKUP, parameters=10**7,
        layers=4, hidden_size=256, intermediate_size=1024, attention_heads=4, kv_heads=4, vocabulary_size=32_000,
    )  # fmt: skip
    data = Dataset(id=MARKUP, name=MARKUP, note=MARKUP, tokens=10**6, examples=1000)
    store.add_model(model, now=0.0)
    store.add_dataset(data, now=0.0)
    config = JobConfig(model=model, dataset=data, name=MARKUP, max_steps=200)
    for seed in (1, 2):
        store.submit(config.changed(seed=seed), now=0.0)
    store.skip(1e5, now=1.0)
    store.advance(now=1.0)
    store.deploy("job-1", name=MARKUP, now=2.0)
    store.skip(1e3, now=3.0)
    store.advance(now=3.0)
    return store


def rendered(app):
    """Every text that the browser would read as Markdown: bodies, labels, helps and titles of all elements."""
    pending = list(app.main.children.values()) + list(app.sidebar.children.values())
    while pending:
        node = pending.pop()
        pending += list(getattr(node, "children", {}).values())
        proto = getattr(node, "proto", None)
        for name in ("body", "label", "help", "text", "title"):
            value = getattr(proto, name, None)
            if isinstance(value, str):
                yield node.type, value
        if node.type in ("radio", "button_group"):  # a selectbox shows its options as they are
            yield from ((node.type, getattr(option, "content", option)) for option in proto.options)
        assert not getattr(proto, "allow_html", False), node


LOOKING_AT = {"job": "job-1", "jobs": "job-1,job-2", "deployment": "deployment-1"}
# Pages that show names as text; the others have them in tables and widgets, which read no markup.
NAMED = {
    (HOME, "none"),
    (HOME, "one"),
    ("2_Monitor", "one"),
    ("4_Deployments", "none"),
    ("4_Deployments", "one"),
    ("5_Models", "none"),
    ("5_Models", "one"),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("parameters", [{}, LOOKING_AT], ids=["none", "one"])
def test_no_page_renders_a_hostile_name_as_anything_but_letters(page, parameters):
    app = opened(page, hostile_store(), parameters)
    shown = list(rendered(app))
    named = any("onerror" in value for _, value in shown)
    assert named == ((page, "one" if parameters else "none") in NAMED)
    found = [
        (kind, value) for kind, value in shown if kind not in ("code", "text") and SHOWN_RAW.search(value)
    ]
    assert not found, found[:3]


@pytest.fixture(scope="module")
def warm():
    """Every page has been imported and drawn."""
    for page in PAGES:
        opened(page, hostile_store())


def drawn(app):
    """What a person reads and sees: texts and the charts' specifications."""
    charts = [chart.proto.spec for chart in app.get("vega_lite_chart")]
    return sorted(str(each) for each in rendered(app)), charts


@pytest.fixture(scope="module", params=["2_Monitor", "3_Compare"])
def page_by_default(request):
    """A page, and what it shows where its address says nothing of a view."""
    shown = drawn(opened(request.param, hostile_store(), LOOKING_AT))
    assert shown[1]
    return request.param, shown


@pytest.mark.parametrize("name", ["x", "quantity", "smoothing", "log", "back", "at"])
@pytest.mark.parametrize("value", ["", "nonsense", "nan", "-1"])
def test_a_view_in_the_address_that_is_none_is_the_default(page_by_default, name, value):
    """`?x=` once chose no axis, and the page fell."""
    page, default = page_by_default
    assert drawn(opened(page, hostile_store(), {**LOOKING_AT, name: value})) == default


@pytest.mark.parametrize(
    ("page", "name", "default"),
    [("2_Monitor", "x", "step"), ("3_Compare", "x", "step"), ("4_Deployments", "range", "hour")],
)
def test_an_empty_choice_in_the_address_leaves_its_control_with_the_default(page, name, default):
    """`?x=` once left the control with nothing chosen, though one is required."""
    app = opened(page, hostile_store(), {**LOOKING_AT, name: ""})
    (control,) = [each for each in app.get("button_group") if each.key == name]
    assert control.value == default


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("value", ["", ",", "nan"])
def test_every_parameter_may_be_empty_or_nonsense_on_every_page(page, value):
    app = opened(page, hostile_store(), dict.fromkeys(NAMES, value))
    assert app.title


@tried(0.05)
@given(page=st.sampled_from(PAGES), parameters=PARAMETERS)
def test_any_query_string_gives_a_page(warm, page, parameters):
    store, began = hostile_store(), time.process_time()
    app = opened(page, store, parameters)
    took_s = time.process_time() - began
    limit_s = 3 * LONGEST_S  # with the test's own browser, and all threads of this process
    assert took_s < limit_s, f"{page} took {took_s:.1f} s of computing"
    for kind, value in rendered(app):
        assert kind in ("code", "text") or not SHOWN_RAW.search(value), (kind, value)
