"""The OpenAPI document is true: whatever schemathesis makes from it is answered as it says."""

import subprocess
import sys
from pathlib import Path

from lab_client import server

DIGITS = Path(__file__).parent.parent / "examples" / "data" / "digits.npz"

# 422 is the answer to a request that fits the schema and whose parts do not fit each other, which
# JSON Schema cannot say: a label too many, a file of noise. What does not fit is answered by 400.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "422"]
"""


def test_schemathesis_finds_no_failure(tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    with server(DIGITS) as (process, url):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", "schemathesis.toml", "run"),
                url.partition("#")[0] + "api/v1/openapi.json",
                *("--mode", "all", "--phases", "examples,coverage,fuzzing"),
                *("--generation-deterministic", "--max-examples", "60"),
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert process.poll() is None
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout  # every operation was tried
