"""`vapor run`: the app by its own command."""

import subprocess
import sys
import urllib.request

import pytest
from typer.testing import CliRunner

from benchmarks.serving import free_port, wait_for
from vapor_cli import run
from vapor_cli.main import app


def test_without_pages_it_says_how_the_app_is_got(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "HOME", tmp_path / "Home.py")
    said = CliRunner().invoke(app, ["run"])
    assert said.exit_code == 2
    assert "make run" in said.stderr


@pytest.mark.slow
def test_it_serves_the_app_with_options_of_streamlit_and_warns_of_nothing():
    port = free_port()
    command = [sys.executable, "-c", "from vapor_cli.main import app; app()", "run", "--port", str(port)]
    options = ["--address", "127.0.0.1", "--headless", "--", "--server.fileWatcherType", "none"]
    with subprocess.Popen(  # noqa: S603 - our own
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            health = f"http://127.0.0.1:{port}/_stcore/health"
            wait_for(health, server)
            with urllib.request.urlopen(health, timeout=5) as answer:
                assert answer.read() == b"ok"
        finally:
            server.terminate()
        said = server.communicate(timeout=20)[0]
    assert "warning" not in said.lower()
    assert "Traceback" not in said
