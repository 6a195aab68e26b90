"""A cluster that answers as Ray's Jobs API is documented to, on loopback, and really starts what it is asked to."""

import json
import os
import shlex
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeCluster:
    """Jobs by id. `holds` keeps them waiting; `breaks` answers everything with that status."""

    def __init__(self):
        self.jobs, self.asked = {}, []
        self.holds, self.breaks, self.garbage = "", 0, False

    def submit(self, fields):
        job_id = fields["submission_id"]
        if job_id in self.jobs:
            return 500, "Job with submission_id already exists."
        self.jobs[job_id] = {"fields": fields, "process": None, "stopped": False}
        if not self.holds:
            self.start(job_id)
        return 200, {"submission_id": job_id}

    def start(self, job_id):
        job = self.jobs[job_id]
        env = {**os.environ, **job["fields"]["runtime_env"]["env_vars"]}
        job["process"] = subprocess.Popen(shlex.split(job["fields"]["entrypoint"]), env=env)  # noqa: S603

    def told(self, job_id):
        job = self.jobs[job_id]
        process, message = job["process"], ""
        if job["stopped"]:
            status = "STOPPED"
        elif process is None:
            status, message = "PENDING", self.holds
        elif process.poll() is None:
            status, message = "RUNNING", "Job is currently running."
        else:
            status = "SUCCEEDED" if process.returncode == 0 else "FAILED"
            message = f"Job entrypoint command exited with code {process.returncode}"
        return {"submission_id": job_id, "status": status, "message": message, "type": "SUBMISSION"}

    def answer(self, method, path, fields):
        if self.breaks:
            return self.breaks, "Traceback (most recent call last):\n  ...\nValueError: something broke"
        if method == "POST" and path == "/api/jobs/":
            return self.submit(fields)
        known = [self.told(job_id) for job_id in self.jobs] + [{"type": "DRIVER", "submission_id": None}]
        fixed = {"/api/version": {"ray_version": "2.60.0"}, "/api/jobs/": known}
        return (
            (200, fixed[path])
            if path in fixed
            else self.answer_of(*path.removeprefix("/api/jobs/").split("/"))
        )

    def answer_of(self, job_id, action=""):
        if job_id not in self.jobs:
            return 404, f"Job {job_id} does not exist"
        if action == "stop":
            self.jobs[job_id]["stopped"] = True
        return 200, {"stopped": True} if action else self.told(job_id)

    def end(self):
        for job in self.jobs.values():
            if job["process"] is not None:
                job["process"].kill()
                job["process"].wait(10)


@contextmanager
def a_cluster():
    """A cluster and its address."""
    fake = FakeCluster()

    class Handler(BaseHTTPRequestHandler):
        def reply(self):
            length = int(self.headers.get("Content-Length") or 0)
            fields = json.loads(self.rfile.read(length)) if length else None
            fake.asked.append((self.command, self.path))
            status, told = fake.answer(self.command, self.path, fields)
            body = (
                b"<html>" if fake.garbage else (told if isinstance(told, str) else json.dumps(told)).encode()
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = reply  # noqa: N815 - as the server calls them

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield fake, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        fake.end()
