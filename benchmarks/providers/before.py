"""An older logitkit beside this one in one process, from the folder that LOGITKIT_BEFORE names.

git worktree add OLDER COMMIT && pip install --no-deps --target FOLDER OLDER
LOGITKIT_BEFORE=FOLDER python -m benchmarks speed --peers before
"""

import importlib
import os
import sys
from types import ModuleType

from logitkit.bench.operations import OPERATIONS
from logitkit.bench.providers import Provider
from logitkit.bench.providers.logitkit import new_and_out


def providers(threads: int) -> list[Provider]:
    """Return the two ways to call it."""
    before = _load()
    before.set_num_threads(threads)
    return new_and_out("before", before)


def _load() -> ModuleType:
    """Import it under the name that this one has, and give the name back.

    What it imports when first used is imported here: later the name is another's.
    """
    folder = os.environ.get("LOGITKIT_BEFORE")
    if folder is None:
        raise ValueError("LOGITKIT_BEFORE is not set; accepted is a folder with an older logitkit")
    ours = _forget()
    sys.path.insert(0, folder)
    try:
        before = importlib.import_module("logitkit")
        for op in OPERATIONS:
            getattr(before, op, None)
        before.softmax([0.0, 1.0])
        before.logsumexp([0.0, 1.0])
        before.set_num_threads(before.get_num_threads())
    finally:
        sys.path.remove(folder)
        _forget()
        sys.modules.update(ours)
    return before


def _forget() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == "logitkit"]
    return {name: sys.modules.pop(name) for name in names}
