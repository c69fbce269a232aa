"""An older logitkit beside this one in one process, from the folder that LOGITKIT_BEFORE names.

git worktree add OLDER COMMIT && pip install --no-deps --target FOLDER OLDER
LOGITKIT_BEFORE=FOLDER python -m benchmarks speed --peers before
"""

import importlib
import os
import sys
from types import ModuleType

import numpy as np

from . import Array, Bound, Provider


def providers(threads: int) -> list[Provider]:
    """Return the two ways to call it."""
    before = _load()
    before.set_num_threads(threads)
    functions = {name: getattr(before, name) for name in ("softmax", "log_softmax", "logsumexp")}

    def new(op: str, x: Array, axis: int) -> Bound:
        return Bound(lambda: functions[op](x, axis=axis), np.asarray)

    def into(op: str, x: Array, axis: int) -> Bound | None:
        result = functions[op](x, axis=axis)
        if not isinstance(result, np.ndarray):
            return None
        out = np.empty_like(result)
        return Bound(lambda: functions[op](x, axis=axis, out=out), np.asarray)

    return [Provider("before", "before", new), Provider("before out=", "before", into)]


def _load() -> ModuleType:
    """Import it under the name that this one has, and give the name back."""
    folder = os.environ.get("LOGITKIT_BEFORE")
    if folder is None:
        raise ValueError("LOGITKIT_BEFORE is not set; accepted is a folder with an older logitkit")
    ours = _forget()
    sys.path.insert(0, folder)
    try:
        before = importlib.import_module("logitkit")
        before.softmax([0.0, 1.0])  # imports what it imports when first used
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
