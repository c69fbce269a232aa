"""The wheel: built as a user builds it, holding what it must, running beside NumPy alone."""

import json
import os
import re
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from page.conftest import WIDE, chromium
from page.lab import PANELS, Lab, column
from playwright.sync_api import sync_playwright

import logitkit as lk

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "logitkit"

pytestmark = pytest.mark.timeout(1500)


def run(*command, **options):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LOGITKIT"))}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=1200,  # four minutes of compiling, beside another test that compiles
        env=environment,
        **options,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build it from the sources, in a folder of its own."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    run(*pip, "--no-deps", "--config-settings", f"build-dir={place / 'build'}", "-w", place, ROOT)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel, tmp_path_factory):
    """An environment with the wheel and NumPy alone."""
    place = tmp_path_factory.mktemp("clean")
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "numpy")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    run(*pip, wheel)
    return python


def test_it_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        metadata = file.read(next(n for n in names if n.endswith(".dist-info/METADATA"))).decode()
        entry_points = file.read(next(n for n in names if n.endswith("/entry_points.txt"))).decode()
    (core,) = (n for n in names if n.startswith("logitkit/_core.") and n.endswith(".so"))
    sources = {
        f"logitkit/{path.relative_to(PACKAGE)}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"logitkit/__init__.py", "logitkit/py.typed", "logitkit/_core.pyi"} <= sources
    installed = {n for n in names if ".dist-info/" not in n}
    assert installed == sources | {core, "logitkit_command/__init__.py"}
    assert any(n.endswith("licenses/LICENSE") for n in names)
    assert f"Version: {lk.__version__}\n" in metadata
    required = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert sorted(required) == ["click", "numpy", "rich"]
    assert "logitkit = logitkit_command:main" in entry_points


def test_it_runs_beside_numpy_alone(clean_python, tmp_path):
    code = """
import sys
import urllib.request
import numpy as np
import logitkit as lk
assert "site-packages" in lk.__file__, lk.__file__
p = lk.softmax(np.float32([[1.5, 2.2, -0.3, 0.8]] * 5000))
np.testing.assert_allclose(p, lk.reference.softmax([[1.5, 2.2, -0.3, 0.8]] * 5000), rtol=1e-6)
assert lk.logsumexp([0, 0], axis=0, mask=[True, False]) == 0
print(lk.explain([1.5, 2.2, -0.3, 0.8]).to_dict()["temperature"], lk.cpu_info()["isa"])
"""
    # In a folder that holds no sources.
    assert run(clean_python, "-I", "-c", code, cwd=tmp_path).startswith("1.0 ")


def test_it_is_typed_for_its_users(clean_python, tmp_path):
    where = "import logitkit, pathlib; print(pathlib.Path(logitkit.__file__).parent)"
    place = Path(run(clean_python, "-I", "-c", where, cwd=tmp_path).strip())
    assert (place / "py.typed").exists()
    assert (place / "_core.pyi").read_text() == (PACKAGE / "_core.pyi").read_text()


def test_it_serves_the_page_with_the_extra_alone(clean_python, wheel, tmp_path):
    """The extra names all that the server needs, and every file of the page came along."""
    pip = [clean_python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run(*pip, f"{wheel}[lab]")
    page = {path: path.read_bytes() for path in (PACKAGE / "lab" / "static").rglob("*.*")}
    process = subprocess.Popen(
        [clean_python.with_name("logitkit"), "lab", "--port", "0", "--no-open"],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LOGITKIT"))},
    )  # fmt: skip
    try:
        url = process.stdout.readline().strip()
        for path, content in page.items():
            name = path.relative_to(PACKAGE / "lab" / "static").as_posix()
            with urllib.request.urlopen(url + name, timeout=20) as response:
                assert response.read() == content
        with urllib.request.urlopen(url, timeout=20) as response:
            assert response.read() == (PACKAGE / "lab" / "static" / "index.html").read_bytes()
            assert response.headers["content-type"] == "text/html; charset=utf-8"
        with urllib.request.urlopen(f"{url}api/v1/info", timeout=20) as response:
            assert json.load(response)["kernel"]["version"] == lk.__version__
        assert len(page) > 10
        see(url)
    finally:
        process.kill()
        process.communicate()


def see(url):
    """Open the page in the browser: every panel has its numbers, and nothing goes wrong."""
    failed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        lab = Lab(browser, url, {"viewport": WIDE})
        lab.page.on("requestfailed", lambda request: failed.append(request.url))
        lab.page.on("response", lambda reply: reply.ok or failed.append(reply.url))
        lab.open()
        (table,) = lab.tables("probabilities")
        assert column(table, 2) == lk.softmax(np.float32([1.5, 2.2, -0.3, 0.8])).tolist()
        for panel in PANELS[:-1]:  # the last one has no file yet
            assert lab.shown(panel)["values"], panel
        assert lab.page.locator("#panel-confidence .drop").is_visible()
        assert lab.close() == []
        browser.close()
    assert failed == []
