"""A module of the benchmarks in a fresh process: nothing of what ran before is in its memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def output_of(module: str, *arguments: object, environment: Mapping[str, str], failure: str) -> str:
    """Return what it prints; raise RuntimeError with `failure` and what it says if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{failure}: {done.stderr.strip()}")
    return done.stdout
