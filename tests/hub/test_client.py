"""The Hub is a stranger on a bad line: what it says is checked, and its silence is answered from the catalog."""

import io
import logging
import socket
from dataclasses import replace

import pytest
from hub_server import CONFIG, GATED, HTML, MISSING, NO_FILE, QWEN_CONFIG, TOKEN, as_json, listed, running
from huggingface_hub.utils import close_session

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import InvalidConfig
from vapor_core.hub.client import HubClient
from vapor_core.hub.listing import HubAnswer, clean, searchable


def test_a_search_asks_for_text_generation_models_by_downloads(hub, client):
    answer = client.search("  tiny\x00 ", limit=5)
    assert [model.id for model in answer.models] == ["acme/tiny", "acme/small"]
    assert (answer.notice, answer.source) == (None, "hub")
    path, query, _ = hub.asked[0]
    assert path == "/api/models"
    assert query["search"] == ["tiny"]
    assert (query["filter"], query["sort"], query["limit"]) == (["text-generation"], ["downloads"], ["5"])
    assert "safetensors" in query["expand"]


def test_a_listed_model_says_what_the_hub_says(client):
    model = client.search("tiny").models[0]
    assert model.parameters == 494_032_768
    assert (model.downloads, model.likes) == (1_204_331, 212)
    assert (model.licence, model.released, model.gated) == ("apache-2.0", "2024-09-16", False)
    assert not model.usable


def test_a_model_comes_with_its_architecture(client):
    found = client.model("acme/tiny")
    assert isinstance(found.model, CatalogModel)
    assert found.model.parameters == 494_032_768
    assert (found.model.layers, found.model.hidden_size, found.model.kv_heads) == (24, 896, 2)
    assert found.model.tied_embeddings
    assert found.model.licence == "apache-2.0"


def test_without_safetensors_the_parameters_are_summed(hub, client):
    hub.routes["/api/models/acme/tiny"] = as_json(listed("acme/tiny", safetensors=None))
    found = client.model("acme/tiny")
    assert found.model.parameters == pytest.approx(494_032_768, rel=0.01)
    assert found.model.note


@pytest.mark.parametrize(
    ("method", "counted"), [("fp8", 500_000_000), ("gptq", 494_032_768), (None, 494_032_768)]
)
def test_weights_in_fp8_are_counted_one_by_one_and_packed_ones_are_summed(hub, client, method, counted):
    counts = {"parameters": {"F8_E4M3": 400_000_000, "BF16": 100_000_000}, "total": 500_000_000}
    hub.routes["/api/models/acme/tiny"] = as_json(listed("acme/tiny", safetensors=counts))
    quantized = {"quant_method": method} if method else {}
    hub.routes[CONFIG] = as_json({**QWEN_CONFIG, "quantization_config": quantized})
    found = client.model("acme/tiny").model
    assert found.parameters == pytest.approx(counted, rel=0.001)
    assert ("packed" in found.note) == (method != "fp8")


def test_a_curated_model_needs_no_network(hub, client):
    curated = catalog.models()[0]
    assert client.model(curated.id).model == curated
    assert hub.asked == []


@pytest.mark.parametrize("gated", ["auto", "manual"])
def test_gated_models_are_marked(hub, client, gated):
    hub.routes["/api/models"] = as_json([listed("acme/tiny", gated=gated)])
    hub.routes["/api/models/acme/tiny"] = as_json(listed("acme/tiny", gated=gated))
    assert client.search("tiny").models[0].gated
    assert client.model("acme/tiny").model.gated_access


@pytest.mark.parametrize("path", ["/api/models/acme/tiny", CONFIG])
def test_a_gated_refusal_is_told_as_one(hub, client, path):
    hub.routes[path] = GATED
    found = client.model("acme/tiny")
    assert found.gated
    assert not found.usable
    assert "gated" in found.reason


def test_a_missing_model_or_config_gives_the_reason(hub, client):
    assert "no such model" in client.model("acme/nothing").reason
    hub.routes[CONFIG] = NO_FILE
    found = client.model("acme/tiny")
    assert "config.json" in found.reason
    assert found.parameters == 494_032_768  # still shown


FAULTS = {
    "limits": (as_json({"error": "rate"}, 429, Retry_After="120"), "limiting"),
    "fails": (as_json({"error": "oops"}, 500), "500"),
    "is away": ((503, {}, b"upstream"), "503"),
    "answers HTML": (HTML, "cannot be read"),
    "tears its JSON": ((200, {}, b'[{"id": "acme/ti'), "cannot be read"),
    "hangs up": ((200, {"Declared-Length": "999"}, b"[]"), "cannot be reached"),
    "answers another shape": (as_json({"error": "none"}), "cannot be read"),
    "answers no models": (as_json([1, None, "x", {"id": 5}, {"id": "<b>/x"}]), "cannot be read"),
    "nests absurdly": ((200, {}, b"[" * 100_000), "cannot be read"),
    "talks without end": ((200, {}, b" " * 4_100_000), "too long"),
    "refuses the token": (
        as_json({}, 401, X_Error_Message="Invalid credentials in Authorization header"),
        "token",
    ),
    "refuses": (MISSING, "refuses"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_catalog_answers_where_the_hub(hub, client, fault):
    hub.routes["/api/models"], word = FAULTS[fault]
    answer = client.search("smol")
    assert answer.source == "catalog"
    assert answer.notice.endswith("; showing the curated catalog.")
    assert word in answer.notice
    assert answer.models
    assert all("smol" in model.id.lower() and model.usable for model in answer.models)
    assert len(hub.asked) == 1  # asked once, not again and again


def test_a_slow_hub_is_not_waited_for(hub):
    hub.routes["/api/models"] = hub.never
    answer = HubClient(hub.url, timeout_s=0.2, offline=False).search("smol")
    assert "did not answer within 0.2 s" in answer.notice or "cannot be reached" in answer.notice
    assert answer.models


def test_a_hub_that_is_not_there_is_said_to_be_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        answer = HubClient(url, timeout_s=5.0, offline=False).search("smol")
    close_session()
    assert "cannot be reached" in answer.notice


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"safetensors": {"parameters": {"BF16": -5}, "total": -5}}, {"parameters"}),
        ({"safetensors": {"parameters": "many", "total": 10**40}}, {"parameters"}),
        ({"safetensors": [1, 2]}, {"parameters"}),
        ({"downloads": -3, "likes": "lots", "gated": {"a": 1}}, {"downloads", "likes"}),
        ({"tags": "x", "createdAt": 12}, {"licence", "released"}),
        ({"downloads": True, "likes": 1e300}, {"downloads", "likes"}),
        ({"tags": [None, 3], "createdAt": "yesterday"}, {"licence", "released"}),
    ],
)
def test_absurd_figures_are_left_out_and_the_others_kept(hub, client, changes, left_out):
    sound = client.search("tiny").models[0]
    hub.routes["/api/models"] = as_json([listed("acme/tiny", **changes)])
    assert client.search("tiny").models[0] == replace(sound, **dict.fromkeys(left_out))


def test_other_tasks_and_hostile_ids_are_not_listed(hub, client):
    hub.routes["/api/models"] = as_json(
        [
            listed("acme/tiny"),
            listed("acme/painter", pipeline_tag="text-to-image"),
            listed("../../etc/passwd"),
            listed("acme/<script>"),
            listed("a" * 300 + "/x"),
            listed("acme/tiny\u202e"),
        ]
    )
    assert [model.id for model in client.search("tiny").models] == ["acme/tiny"]


def test_text_from_the_hub_is_bounded_and_clean(hub, client):
    hub.routes["/api/models"] = as_json([listed("acme/tiny", tags=["license:" + "a\x1b[31m\u202e" * 500])])
    licence = client.search("tiny").models[0].licence
    assert len(licence) <= 60
    assert licence.isprintable()


@pytest.mark.parametrize(
    "model_id", ["", "no-owner", "a/b/c", "../x/y", "a b/c", "x/" + "y" * 200, "é/x", "a/..b"]
)
def test_an_id_that_is_none_is_not_asked_for(hub, client, model_id):
    assert client.model(model_id).reason == "a model id on the Hub reads owner/name"
    assert hub.asked == []


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_offline_is_at_once(hub, monkeypatch, value):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    client = HubClient(hub.url)
    answer = client.search("smol")
    assert client.offline
    assert answer.source == "catalog"
    assert "switched off" in answer.notice
    assert answer.models
    assert client.model("acme/tiny").reason == "The Hub is switched off"
    assert hub.asked == []


def test_the_address_comes_from_the_environment(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url + "/")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert HubClient().search("tiny").source == "hub"


def test_an_answer_is_kept_until_it_is_old(hub, client):
    for now in (100.0, 101.0, 699.0):
        client.search("tiny", now=now)
    assert len(hub.asked) == 1
    client.search("Tiny", now=701.0)
    assert len(hub.asked) == 2


def test_without_a_time_nothing_is_kept(hub, client):
    client.search("tiny")
    client.search("tiny")
    assert len(hub.asked) == 2


def test_the_cache_is_bounded_and_the_oldest_use_leaves_first(hub):
    client = HubClient(hub.url, offline=False, cache_size=2)
    for query in ("aa", "bb", "aa", "cc", "aa", "bb"):
        client.search(query, now=1.0)
    assert [query["search"][0] for _, query, _ in hub.asked] == ["aa", "bb", "cc", "bb"]


def test_after_a_fault_the_hub_is_left_alone_for_a_while(hub, client):
    hub.routes["/api/models"] = as_json({}, 429, Retry_After="100000")
    first = client.search("smol", now=10.0)
    assert client.search("qwen", now=11.0).notice == first.notice
    assert client.search("qwen", now=309.0).notice == first.notice
    assert len(hub.asked) == 1
    hub.routes["/api/models"] = as_json([listed("acme/tiny")])
    assert client.search("qwen", now=311.0).source == "hub"  # five minutes at the most


def test_a_short_query_is_answered_from_the_catalog_without_a_notice(hub, client):
    answer = client.search("q")
    assert (answer.source, answer.notice) == ("catalog", None)
    assert hub.asked == []


def test_no_hit_is_an_answer(hub, client):
    hub.routes["/api/models"] = as_json([])
    assert client.search("zzzz") == HubAnswer(models=(), notice=None, source="hub")


def test_the_token_goes_to_the_hub_and_nowhere_else(hub, caplog):
    with running() as elsewhere:
        elsewhere.routes["/config"] = as_json(QWEN_CONFIG)
        client = HubClient(hub.url, f" {TOKEN}\n", offline=False)
        with caplog.at_level(logging.DEBUG):
            answers = [client.search("tiny", token=TOKEN), client.model("acme/tiny", token=TOKEN)]
            hub.routes[CONFIG] = (307, {"Location": elsewhere.url + "/config"}, b"")
            answers.append(client.model("acme/tiny", token=TOKEN))
            hub.routes["/api/models"] = as_json({"error": "no"}, 500)
            answers.append(client.search("other", token=TOKEN))
    assert all(headers["authorization"] == f"Bearer {TOKEN}" for _, _, headers in hub.asked)
    assert elsewhere.asked == []
    seen = io.StringIO()
    print(client, vars(client), client._cache, answers, caplog.text, file=seen)
    assert TOKEN not in seen.getvalue()
    assert all(TOKEN not in f"{path}{query}" for path, query, _ in hub.asked)


def test_without_a_token_none_is_sent(hub, client, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)  # huggingface_hub would pick it up by itself
    client.search("tiny")
    assert "authorization" not in hub.asked[0][2]


@pytest.mark.parametrize(("field", "value"), [("token", f"{TOKEN}\nX-Evil: 1"), ("endpoint", "file:///etc")])
def test_a_token_or_address_that_cannot_be_one_is_refused_without_repeating_it(field, value):
    with pytest.raises(InvalidConfig) as refused:
        HubClient(**{field: value})
    assert list(refused.value.problems) == [field]
    assert TOKEN not in str(refused.value)


def test_a_query_is_worth_a_request_from_two_letters_on():
    assert [searchable(text) for text in ("", " q ", "qw", "\x00q\x00w")] == [None, None, "qw", "qw"]
    assert len(searchable("x" * 5000)) == 100


def test_clean_text_is_one_bounded_line():
    assert clean("a\n\tb\x07c\u202ed", 50) == "a bcd"
    assert clean(None, 5) == ""
    assert clean("x" * 50, 5) == "xxxx…"
