"""The files of the page: all of them, with the right types, and nothing beside them."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from logitkit.lab.app import create_app
from logitkit.lab.assets import MEDIA_TYPES, listing
from logitkit.lab.direct import request

STATIC = Path(str(files("logitkit.lab"))) / "static"
FILES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def app():
    return create_app()


def test_every_file_is_listed():
    assert "index.html" in FILES and len(FILES) > 10
    assert sorted(listing()) == FILES, f"each ends in one of {', '.join(MEDIA_TYPES)}"


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_served_as_it_is(app, name):
    answer = request(app, f"/{name}")
    assert answer.status == 200 and answer.body == (STATIC / name).read_bytes()
    kinds = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
             ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml",
             ".json": "application/json"}  # fmt: skip
    assert answer.headers["content-type"] == kinds.get(
        Path(name).suffix, MEDIA_TYPES[Path(name).suffix]
    )
    assert answer.headers["cache-control"] == "no-cache"
    head = request(app, f"/{name}", "HEAD")
    assert (head.status, head.body) == (200, b"")


def test_the_page_is_at_the_root(app):
    assert request(app, "/").body == (STATIC / "index.html").read_bytes()
    assert request(app, "/", "POST").status == 405


def test_what_the_page_loads_is_there_and_from_here():
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert loaded and not [link for link in loaded if "//" in link]
    assert [link for link in loaded if link.lstrip("/") not in FILES] == []
    assert "<style" not in text and " style=" not in text  # the policy forbids them


def test_a_new_file_needs_no_new_server(app, monkeypatch, tmp_path):
    (tmp_path / "static").mkdir()
    monkeypatch.setattr("logitkit.lab.assets.files", lambda package: tmp_path)
    assert request(app, "/new.js").status == 404
    (tmp_path / "static" / "new.js").write_text("export {}")
    (tmp_path / "static" / "secret.py").write_text("1")
    assert request(app, "/new.js").status == 200
    assert request(app, "/secret.py").status == 404  # of no type that a page has
