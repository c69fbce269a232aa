"""`import logitkit` brings NumPy and nothing else that is heavy."""

import json
import re
import subprocess
import sys

import pytest

HEAVY = [
    "torch",
    "jax",
    "jaxlib",
    "array_api_compat",
    "scipy",
    "matplotlib",
    "rich",
    "click",
    "pandas",
    "dask",
    "tensorflow",
    "onnxruntime",
    "sklearn",
    "ml_dtypes",
    "hypothesis",
    "pytest",
    "mpmath",
    "importlib.metadata",
    "platform",
    "http",
    "urllib.request",
    "asyncio",
    "unittest",
]


def python(*arguments):
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout, done.stderr


NAMES = "import logitkit\nfor name in logitkit.__all__: getattr(logitkit, name)"


@pytest.mark.parametrize("code", ["import logitkit", NAMES], ids=["package", "every public name"])
def test_nothing_heavy_is_loaded(code):
    # What NumPy itself loads is not ours.
    whole = "import numpy, sys, json\nbefore = set(sys.modules)\n" + code
    whole += "\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    loaded = json.loads(python("-c", whole)[0])
    assert {"logitkit", "logitkit._core"} <= set(loaded)
    assert "logitkit.reference" in loaded  # NumPy is there, so every name is made ready
    assert [m for m in loaded if m in HEAVY or m.partition(".")[0] in HEAVY] == []
    assert not any(name.startswith("logitkit.bench") for name in loaded)
    foreign = {m.partition(".")[0] for m in loaded} - set(sys.stdlib_module_names) - {"numpy"}
    # An editable install adds a finder of its own, named after the package.
    assert {m for m in foreign if "logitkit" not in m} == set()


def test_without_numpy_the_package_alone_does_not_load_it():
    code = "import logitkit, sys; print('numpy' in sys.modules)"
    assert python("-c", code)[0] == "False\n"


def test_a_call_loads_nothing_heavy():
    code = "import logitkit as lk, sys; lk.softmax([[1.0, 2.0]], axis=0, mask=[True, False]); " + (
        "lk.logsumexp([1, 2]); lk.sigmoid(0); lk.cpu_info(); print(*sys.modules)"
    )
    loaded = set(python("-c", code)[0].split())
    assert not {"torch", "jax", "scipy", "matplotlib", "rich", "click", "pandas"} & loaded


def test_the_cost_over_numpy_is_told(capsys):
    costs = {"numpy": 0.0, "logitkit": 0.0}
    code = "import numpy\nfrom logitkit import softmax, log_softmax, logsumexp"
    for line in python("-X", "importtime", "-c", code)[1].splitlines():
        # One space: what is imported by the code itself, with all that it brings.
        found = re.match(r"import time:\s+\d+ \|\s+(\d+) \| (\w+)[\w.]*$", line)
        if found and found[2] in costs:
            costs[found[2]] += int(found[1]) / 1000
    assert min(costs.values()) > 0
    with capsys.disabled():
        print(
            f"\nimport numpy: {costs['numpy']:.1f} ms; logitkit on top: {costs['logitkit']:.1f} ms"
        )
