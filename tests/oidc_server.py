"""A small but real OpenID Connect provider on loopback: discovery, keys, authorization by a page, signed tokens."""

import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "vapor", "a client secret of the tests"
PEOPLE = {"ada": "Ada Lovelace", "ben": "Benjamin Peirce"}


class Provider:
    """People sign in by pressing their name."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig", "alg": "RS256"})
        self.granted: dict[str, dict[str, str]] = {}  # code -> what it was granted for
        self.url = ""

    def discovery(self) -> dict[str, object]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email"],
            "code_challenge_methods_supported": ["S256"],
        }

    def page(self, asked: dict[str, str]) -> str:
        links = (
            f'<p><a href="/grant?{urlencode({**asked, "person": key})}">{name}</a></p>'
            for key, name in PEOPLE.items()
        )
        return f"<!doctype html><title>Sign in</title><h1>Who are you?</h1>{''.join(links)}"

    def grant(self, asked: dict[str, str]) -> str:
        code = secrets.token_urlsafe(16)
        self.granted[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked.get('state', '')})}"

    def token(self, form: dict[str, str], basic: str) -> dict[str, object] | None:
        """What a code is worth; None where the client or the code is wrong."""
        given = (
            tuple(unquote(part) for part in basic.split(":", 1))
            if basic
            else (
                form.get("client_id"),
                form.get("client_secret"),
            )
        )
        asked = self.granted.pop(form.get("code", ""), None)
        if given != (CLIENT, SECRET) or asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        challenge = asked.get("code_challenge")
        proof = (
            urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        )
        if challenge and challenge != proof:
            return None
        now = int(time.time())
        person = asked["person"]
        claims = {
            "iss": self.url,
            "sub": f"subject-{person}",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 3600,
            "name": PEOPLE[person],
            "email": f"{person}@example.org",
        }
        if asked.get("nonce"):
            claims["nonce"] = asked["nonce"]
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "expires_in": 3600,
            "id_token": signed,
        }


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(address.query).items()}
            if address.path == "/.well-known/openid-configuration":
                self.answer(json.dumps(provider.discovery()))
            elif address.path == "/keys":
                self.answer(json.dumps({"keys": [provider.key.as_dict(private=False)]}))
            elif address.path == "/authorize":
                self.answer(provider.page(asked), "text/html")
            elif address.path == "/grant":
                self.send_response(302)
                self.send_header("Location", provider.grant(asked))
                self.end_headers()
            else:
                self.answer("{}", status=404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            kind, _, word = self.headers.get("Authorization", "").partition(" ")
            basic = b64decode(word).decode() if kind.lower() == "basic" else ""
            tokens = provider.token(form, basic)
            self.answer(json.dumps(tokens or {"error": "invalid_grant"}), status=200 if tokens else 400)

        def answer(self, body: str, kind: str = "application/json", status: int = 200) -> None:
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    return Handler


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that runs as long as the block."""
    made = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
