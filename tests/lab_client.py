"""Asks the laboratory's application, in this process or as the server that users start."""

import contextlib
import json
import signal
import subprocess

import numpy as np
from cli_process import COMMAND, environment, loads

from logitkit.lab.app import create_app
from logitkit.lab.direct import request

JSON = {"content-type": "application/json"}


def ask(app, url, body=None, method="POST", **headers):
    """Send JSON (or bytes), and return the status and what came back, read strictly."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = request(app, url, method, data, {**JSON, **headers})
    return answer.status, loads(answer.body.decode())


def get(app, url):
    """Return the status and what came back."""
    answer = request(app, url)
    return answer.status, loads(answer.body.decode())


def results(*operations):
    """Compute operations that must succeed."""
    status, answer = ask(create_app(), "/api/v1/compute", {"operations": operations})
    assert status == 200, answer
    return answer["results"]


def wire(values):
    """Return numbers as they are sent."""
    if np.ndim(values):
        return [wire(value) for value in values]
    value = float(values)
    if np.isfinite(value):
        return value
    return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@contextlib.contextmanager
def server(*arguments):
    """Run ``logitkit lab`` on a free port; yield the process and the URL that it prints."""
    process = subprocess.Popen(
        [*COMMAND, "lab", "--port", "0", "--no-open", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        # A job in the background of a shell ignores it, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        url = process.stdout.readline().strip()
        assert url, process.stderr.read()
        yield process, url
        process.send_signal(signal.SIGINT)
        process.wait(20)
    finally:
        process.kill()
        process.communicate()
