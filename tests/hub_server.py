"""A Hub on loopback: real HTTP, answers shaped like the Hub's own, and its faults on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, str], bytes]

TOKEN = "hf_aVerySecretTokenThatMustNotLeak"  # noqa: S105 - a made-up one, to look for
CONFIG = "/acme/tiny/resolve/main/config.json"
QWEN_CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "hidden_act": "silu",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "max_position_embeddings": 32768,
    "model_type": "qwen2",
    "num_attention_heads": 14,
    "num_hidden_layers": 24,
    "num_key_value_heads": 2,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_sliding_window": False,
    "vocab_size": 151936,
}


def listed(model_id: str, **changes: object) -> dict[str, object]:
    """One model as /api/models lists it with `expand`."""
    return {
        "_id": "66e81c98dd96df1d9f4f6bd1",
        "id": model_id,
        "createdAt": "2024-09-16T11:52:46.000Z",
        "downloads": 1_204_331,
        "gated": False,
        "likes": 212,
        "pipeline_tag": "text-generation",
        "safetensors": {"parameters": {"BF16": 494_032_768}, "total": 494_032_768},
        "tags": [
            "transformers",
            "safetensors",
            "qwen2",
            "text-generation",
            "license:apache-2.0",
            "region:us",
        ],
        **changes,
    }


def as_json(value: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"Content-Type": "application/json; charset=utf-8", **named}, json.dumps(value).encode()


GATED: Reply = as_json(
    {"error": "Access to model acme/gated is restricted and you are not in the authorized list."},
    403,
    X_Error_Code="GatedRepo",
    X_Error_Message="Access to model acme/gated is restricted and you are not in the authorized list.",
)
MISSING: Reply = as_json(
    {"error": "Repository not found"},
    404,
    X_Error_Code="RepoNotFound",
    X_Error_Message="Repository not found",
)
NO_FILE: Reply = (
    404,
    {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"},
    b"Entry not found",
)
HTML: Reply = (
    200,
    {"Content-Type": "text/html"},
    b"<!doctype html><html><body>Sign in to the wifi</body></html>",
)


@dataclass
class Hub:
    """What the server answers (`routes`: path -> reply or a function of the query) and what it was asked."""

    url: str = ""
    routes: dict[str, Reply | Callable[[dict[str, list[str]]], Reply]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def never(self, query: dict[str, list[str]]) -> Reply:
        """A route that does not answer while the server lives."""
        self.closing.wait(30)
        return MISSING


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.hub.asked.append((parts.path, query, {k.lower(): v for k, v in self.headers.items()}))
        route = self.hub.routes.get(parts.path, MISSING)
        status, headers, body = route(query) if callable(route) else route
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", headers.get("Declared-Length", str(len(body))))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # whoever asked has stopped waiting

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running() -> Iterator[Hub]:
    """A Hub that lives as long as the block."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.closing.set()
            server.shutdown()
            thread.join()
