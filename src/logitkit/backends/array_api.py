"""Arrays of any library that `array_api_compat` recognises: the formulas, in its own operations."""

from __future__ import annotations

from functools import cache
from typing import Any

from array_api_compat import array_namespace

from logitkit.backends._generic.host import Host
from logitkit.backends._generic.verbs import Verbs


def verbs_for(x: Any) -> Verbs:
    """Return the verbs for the library of an array."""
    return _verbs(array_namespace(x), type(x).__module__.partition(".")[0])


@cache
def _verbs(xp: Any, library: str) -> Verbs:
    return Verbs(Host(xp, library))
