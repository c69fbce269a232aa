"""Who may ask: this machine's own page, and programs on it; nobody else's page."""

import socket

import pytest
from lab_client import ask, get

from logitkit.lab.app import create_app
from logitkit.lab.direct import request
from logitkit.lab.server import bind


@pytest.fixture(scope="module")
def app():
    return create_app()


@pytest.mark.parametrize("url", ["/api/v1/info", "/", "/index.html", "/nothing"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example", "",
     "10.0.0.1", "[::2]", "127.0.0.2:80", "localhost:80:80", "user@localhost"],
)  # fmt: skip
def test_a_foreign_host_is_refused(app, url, host):
    """A name that was made to point here is how a foreign page would read what is answered."""
    answer = request(app, url, headers={"host": host})
    assert answer.status == 400 and b"Host is" in answer.body


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8765", "127.0.0.1:1", "[::1]:80", "[::1]"]
)
def test_the_names_of_this_machine_are_accepted(app, host):
    assert request(app, "/api/v1/info", headers={"host": host}).status == 200
    assert request(app, "/api/v1/info", headers={"host": host.upper()}).status == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost", "http://localhost:1", "https://localhost:8765",
     "http://127.0.0.1:8765", "file://", ""],
)  # fmt: skip
@pytest.mark.parametrize("url", ["/api/v1/compute", "/api/v1/datasets?name=a.csv"])
def test_a_foreign_origin_is_refused(app, origin, url):
    good = {"operations": [{"op": "softmax", "logits": [1]}]}
    status, answer = ask(app, url, good, host="localhost:8765", origin=origin)
    assert status == 403 and "Origin is" in answer["detail"]
    assert get(app, "/api/v1/datasets")[1] == {"datasets": []}


def test_the_page_of_this_server_may_ask(app):
    good = {"operations": [{"op": "softmax", "logits": [1]}]}
    host = "localhost:8765"
    assert ask(app, "/api/v1/compute", good, host=host, origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize("url", ["/", "/api/v1/info", "/nothing", "/api/v1/nothing"])
def test_every_answer_has_the_headers(app, url):
    headers = request(app, url).headers
    policy = dict(part.split(maxsplit=1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'" and policy["object-src"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"] and "http" not in policy.values()
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"
    assert not [name for name in headers if name.startswith("access-control")]


def test_a_preflight_is_granted_nothing(app):
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = request(app, "/api/v1/compute", "OPTIONS", headers=headers)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    ["/../app.py", "/%2e%2e/app.py", "/static/../../app.py", "/..%2fapp.py", "//etc/passwd",
     "/etc/passwd", "/css/../../app.py", "/index.html/", "/css", "/.", "/%00"],
)  # fmt: skip
def test_a_path_opens_nothing_beside_the_page(app, path):
    assert request(app, path).status == 404


def test_it_listens_on_loopback_alone():
    with bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        # asyncio turns off the delay of small packets only where the protocol is named.
        assert listener.proto == socket.IPPROTO_TCP


def test_there_is_no_documentation_from_elsewhere(app):
    for path in ("/docs", "/redoc", "/api/v1/docs", "/openapi.json"):
        assert request(app, path).status == 404
    assert get(app, "/api/v1/openapi.json")[0] == 200
