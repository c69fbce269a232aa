"""``logitkit lab``: starts, tells where it is, stops at Ctrl-C; answers once without a server."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from cli_process import COMMAND, environment, invoke, loads, pipe
from lab_client import server

from logitkit.lab.server import bind

DIGITS = Path(__file__).parent.parent / "examples" / "data" / "digits.npz"


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def test_it_serves_the_page_and_the_api_where_it_says():
    with server() as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
        assert b"<!doctype html>" in fetch(url)
        assert loads(fetch(f"{url}api/v1/info").decode())["kernel"]
        assert process.poll() is None


def test_a_file_is_the_first_dataset_and_the_page_opens_on_it():
    with server(DIGITS) as (_, url):
        place, _, fragment = url.partition("#")
        assert fragment == "v=1&p=confidence"
        (one,) = json.loads(fetch(f"{place}api/v1/datasets"))["datasets"]
        assert one == {"id": 1, "name": str(DIGITS), "rows": 599, "classes": 10}
        told = json.loads(fetch(f"{place}api/v1/datasets/1?bins=10"))
        assert told["accuracy"] == pytest.approx(585 / 599)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("busy", [False, True])
def test_it_stops_cleanly(number, code, busy):
    with server() as (process, url):
        port = int(url.rstrip("/").rpartition(":")[2])
        if busy:  # a browser keeps its connection open
            held = socket.create_connection(("127.0.0.1", port))
            held.sendall(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert held.recv(100).startswith(b"HTTP/1.1 200")
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        if busy:
            held.close()
        assert process.returncode == code
        assert errors == "The laboratory is open; Ctrl-C stops it.\n"
        bind(port).close()  # the port is free again


def test_the_browser_is_opened_on_the_url_unless_told_not_to(tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "opened"}\n')
    browser.chmod(0o755)
    process = subprocess.Popen(
        [*COMMAND, "lab", str(DIGITS), "-p", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(BROWSER=f"{browser} %s"),
    )  # fmt: skip
    try:
        url = process.stdout.readline().strip()
        for _ in range(200):
            if (tmp_path / "opened").exists() and (tmp_path / "opened").read_text().strip():
                break
            time.sleep(0.05)
        assert (tmp_path / "opened").read_text().strip() == url
    finally:
        process.kill()
        process.communicate()


def test_a_port_in_use_is_told():
    with bind(0) as taken:
        port = taken.getsockname()[1]
        done = pipe("lab", "--port", port, "--no-open")
    assert done.returncode == 2 and done.stdout == ""
    assert f"port {port} is in use; choose another with -p, or -p 0" in done.stderr


def test_get_prints_the_body_and_nothing_else():
    done = invoke("lab", "--get", "/api/v1/info")
    assert done.exit_code == 0 and done.stderr == "" and done.stdout.count("\n") == 1
    told = loads(done.stdout)
    with server() as (_, url):
        assert json.loads(fetch(f"{url}api/v1/info")) == told
    assert "<!doctype html>" in invoke("lab", "--get", "/").stdout


@pytest.mark.parametrize("path", ["/api/v1/datasets", "/api/v1/datasets/1?bins=7"])
def test_get_answers_as_the_server_does(path):
    done = invoke("lab", str(DIGITS), "--get", path)
    with server(DIGITS) as (_, url):
        live = json.loads(fetch(url.partition("#")[0].rstrip("/") + path))
    told = loads(done.stdout)
    for one in (live, told):
        one.pop("microseconds", None)
    assert done.exit_code == 0 and told == live


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/datasets/1", "/nothing.js"])
def test_get_of_an_error_prints_it_and_exits_with_1(path):
    done = invoke("lab", "--get", path)
    assert done.exit_code == 1 and loads(done.stdout)["status"] == 404
    assert done.stderr == f"Error: {path} answers 404\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nowhere.npz"], 3, "nowhere.npz: No such file"),
        (["logits.xlsx"], 3, "logits.xlsx must end in .npz, .npy, .csv"),
        (["bad.npz"], 3, "bad.npz: found (4, 2) and 3 labels"),
        (["--get", "api/v1/info"], 2, "must start with /"),
        (["--label-column", "y"], 2, "there is no FILE"),
        (["--port", "65536"], 2, "65536"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(arguments, code, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("bad.npz", logits=np.zeros((4, 2)), labels=np.zeros(3))
    done = invoke("lab", *arguments)
    assert done.exit_code == code and done.stdout == "" and text in done.stderr


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "ml_dtypes"])
def test_without_the_extra_the_command_is_named(missing, tmp_path):
    code = f"raise ModuleNotFoundError(name={missing!r})"
    (tmp_path / f"{missing}.py").write_text(code)
    done = subprocess.run(
        [*COMMAND, "lab", "--port", "0", "--no-open"], capture_output=True, text=True, timeout=60,
        env=environment(PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path])),
    )  # fmt: skip
    assert done.returncode == 4
    told = f'Error: logitkit lab needs {missing}: pip install "logitkit[lab]"\n'
    assert (done.stdout, done.stderr) == ("", told)


def test_a_live_server_takes_fifty_megabytes_and_tells_its_limit_to_who_sends_more():
    row = b"0.25,-1.5,2\n"
    with server() as (process, url):
        place = f"{url}api/v1/datasets?name=large.csv"
        with pytest.raises(urllib.error.HTTPError, match="413") as caught:
            fetch(urllib.request.Request(place, row * (80_000_000 // len(row))))
        problem = json.loads(caught.value.read())
        assert problem["status"] == 413 and "67108864 bytes" in problem["detail"]
        file = io.BytesIO()
        logits = np.tile(np.float32([0.25, -1.5]), (6_000_000, 1))
        np.savez(file, logits=logits, labels=np.zeros(len(logits), np.uint8))
        assert 50e6 < len(file.getvalue()) < 60e6
        answer = fetch(urllib.request.Request(place.replace("csv", "npz"), file.getvalue()))
        assert json.loads(answer)["rows"] == 6_000_000
        assert process.poll() is None


def test_a_live_server_refuses_a_foreign_name():
    with server() as (_, url):
        foreign = urllib.request.Request(f"{url}api/v1/info", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="400") as caught:
            urllib.request.urlopen(foreign, timeout=20)
        caught.value.close()
