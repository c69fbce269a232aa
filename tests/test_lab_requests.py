"""Requests that are refused: each with its status, a sentence, and a pointer to the field."""

import json

import pytest
from lab_client import ask

from logitkit.lab.app import COMPUTE_BYTES, create_app
from logitkit.lab.direct import request

URL = "/api/v1/compute"
GOOD = {"op": "softmax", "logits": [1, 2]}


@pytest.fixture(scope="module")
def app():
    """One application for all, so that what is refused before does no harm after."""
    return create_app()


def refused(app, operation, status=400, /, **more):
    """Send a good operation and a bad one; return the first error about the latter."""
    code, answer = ask(app, URL, {"operations": [GOOD, operation], **more})
    assert code == status == answer["status"], answer
    assert set(answer) == {"type", "title", "status", "detail", "errors"}
    assert answer["errors"][0]["detail"] in answer["detail"]
    assert ask(app, URL, {"operations": [GOOD]})[0] == 200
    return answer["errors"][0]["pointer"], answer["errors"][0]["detail"]


NUMBER = 'accepted is a number in the range of float64, "NaN", "Infinity" or "-Infinity"'


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"logits": [1, "two"]}, "logits/1", NUMBER),
        ({"logits": [1, None]}, "logits/1", NUMBER),
        ({"logits": [True, 1]}, "logits/0", NUMBER),
        ({"logits": [1, "1"]}, "logits/1", NUMBER),
        ({"logits": [1, "nan"]}, "logits/1", NUMBER),
        ({"logits": [[1, 2]]}, "logits/0", NUMBER),
        ({"logits": [10**400]}, "logits/0", NUMBER),
        ({"logits": "12"}, "logits", "valid list"),
        ({"logits": []}, "logits", "at least 1 item"),
        ({"logits": [0] * 100_001}, "logits", "at most 100000 items"),
        ({"temperature": -1}, "temperature", 'accepted is a number from 0 on, or "Infinity"'),
        ({"temperature": "NaN"}, "temperature", "accepted is a number from 0 on"),
        ({"temperature": None}, "temperature", "accepted is a number from 0 on"),
        ({"dtype": "float8"}, "dtype", "'float16', 'bfloat16', 'float32' or 'float64'"),
        ({"color": "red"}, "color", "there is no such field"),
        ({"op": "sotfmax"}, "", "'softmax', 'log_softmax', 'steps'"),
        ({"op": "nudge", "delta": 1}, "index", "required"),
        ({"op": "nudge", "delta": 1, "index": -1}, "index", "greater than or equal to 0"),
        ({"op": "nudge", "delta": 1, "index": 0.5}, "index", "valid integer"),
        ({"op": "nudge", "delta": 1, "index": True}, "index", "valid integer"),
        ({"op": "cross_entropy", "target": 0, "label_smoothing": 1.5}, "label_smoothing", "1"),
        ({"op": "temperature_sweep", "temperatures": [1, -2]}, "temperatures/1", "from 0 on"),
        ({"op": "jacobian", "logits": [0] * 513}, "logits", "at most 512 items"),
        ({"op": "stability", "dtypes": []}, "dtypes", "at least 1 item"),
    ],
)
def test_what_does_not_fit_the_schema(app, change, pointer, detail):
    place, text = refused(app, {**GOOD, **change})
    assert place == f"#/operations/1/{pointer}".removesuffix("/") and detail in text


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"op": "steps", "labels": ["a"]}, "labels", "found 1 labels and 2 logits"),
        ({"op": "stability", "labels": list("abc")}, "labels", "found 3 labels and 2 logits"),
        ({"op": "jacobian", "change": [1]}, "change", "found 1 changes and 2 logits"),
        ({"op": "nudge", "index": 2, "delta": 1}, "index", "2 is no class; accepted are 0 to 1"),
        ({"op": "cross_entropy", "target": 7}, "target", "7 is no class; accepted are 0 to 1"),
    ],
)
def test_what_fits_the_schema_but_not_together(app, change, pointer, detail):
    assert refused(app, {**GOOD, **change}, 422) == (f"#/operations/1/{pointer}", detail)


def test_the_answers_of_one_request_have_a_limit(app):
    sweep = {"op": "temperature_sweep", "logits": [0] * 1000, "temperatures": [1] * 5000}
    code, answer = ask(app, URL, {"operations": [sweep]})
    assert code == 422 and "accepted are 4000000" in answer["detail"]


def test_the_operations_of_one_request_have_a_limit(app):
    code, answer = ask(app, URL, {"operations": [GOOD] * 65})
    assert code == 400 and "at most 64 items" in answer["detail"]


def test_a_list_of_nonsense_is_answered_at_its_first_item(app):
    code, answer = ask(app, URL, {"operations": [{**GOOD, "logits": ["x"] * 100_000}] * 64})
    assert code == 400 and len(answer["errors"]) <= 20


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "field required"),
        (b"{", "EOF"),
        (b'{"operations": [NaN]}', "expected value"),
        (b'{"operations": [{"op": "softmax", "logits": [1e999]}]}', NUMBER),
        (b"[" * 100_000, "recursion limit"),
        (b'{"a":' * 100_000, "recursion limit"),
        (b"\xff\xfe", "expected value"),
        (b'{"operations": "\\ud800"}', "unexpected end of hex escape"),
        (b"9" * 100_000, "number out of range"),
        (b"[]", "valid dictionary"),
        (b"null", "valid dictionary"),
        (b'"x"', "valid dictionary"),
    ],
    ids=lambda value: None if isinstance(value, str) else repr(value[:30]),
)
def test_what_is_no_question_at_all(app, body, detail):
    code, answer = ask(app, URL, body)
    assert code == 400 and detail.lower() in answer["detail"].lower()
    assert ask(app, URL, {"operations": [GOOD]})[0] == 200


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_another_type_than_json_is_refused(app, kind):
    """Such a request needs no leave of this server when a foreign page sends it."""
    body = json.dumps({"operations": [GOOD]}).encode()
    code, answer = ask(app, URL, body, **{"content-type": kind})
    assert code == 415 and "accepted is application/json" in answer["detail"]
    assert ask(app, URL, body, **{"content-type": "application/json; charset=utf-8"})[0] == 200


def test_a_body_over_the_limit_names_it(app):
    code, answer = ask(app, URL, b" " * (COMPUTE_BYTES + 1))
    assert code == 413 and str(COMPUTE_BYTES) in answer["detail"]
    assert ask(app, URL, b" " * COMPUTE_BYTES)[0] == 400


@pytest.mark.parametrize(
    ("url", "method", "status"),
    [
        ("/api/v1/nothing", "GET", 404),
        ("/api/v1/compute", "GET", 405),
        ("/api/v1/info", "POST", 405),
        ("/api/", "GET", 404),
        ("/api/v1/compute/", "POST", 404),
    ],
)
def test_where_nothing_is(app, url, method, status):
    answer = request(app, url, method)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["errors"] == []


def test_every_method_that_is_accepted_is_told(app):
    assert request(app, "/api/v1/datasets", "PUT").headers["allow"] == "GET, POST"
    assert request(app, "/api/v1/datasets/1", "DELETE").headers["allow"] == "GET"


def test_a_defect_is_answered_too(app, monkeypatch):
    def broken(request):
        raise RuntimeError("a defect")

    monkeypatch.setattr("logitkit.lab.operations.compute", broken)
    sent = []

    async def call():
        async def receive():
            body = json.dumps({"operations": [GOOD]}).encode()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {
            "type": "http", "method": "POST", "path": URL, "query_string": b"", "headers": headers,
        }  # fmt: skip
        await app(scope, receive, send)

    import asyncio

    with pytest.raises(RuntimeError, match="a defect"):  # the server prints it
        asyncio.run(call())
    assert sent[0]["status"] == 500 and b"internal error" in sent[1]["body"]
    assert b"a defect" not in sent[1]["body"]
