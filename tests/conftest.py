"""What the laws share: they hold on every instruction set, and leave the settings as they were."""

import os

import pytest
from hypothesis import HealthCheck, settings

from logitkit import _core

# A law that runs on no instruction set proves nothing: collecting fails.
ISAS = _core.available_isas()
assert "generic" in ISAS, f"the core offers {ISAS}; the generic instruction set is always there"

# `isa` and `threads` do not depend on the example, so hypothesis may keep them over all of them.
settings.register_profile(
    "logitkit",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("logitkit")


@pytest.fixture(params=ISAS)
def isa(request):
    """Run the test with the kernels of one instruction set after the other."""
    before = _core.isa()
    _core.select_isa(request.param)
    assert _core.isa() == request.param
    yield request.param
    _core.select_isa(before)


@pytest.fixture(params=[1, 2, 3, 8])
def threads(request):
    """Run the test with several numbers of threads."""
    before = _core.thread_count()
    _core.set_thread_count(request.param)
    assert _core.thread_count() == request.param
    yield request.param
    _core.set_thread_count(before)


@pytest.fixture
def thread_settings():
    """Let the test change the numbers of threads; put them back after it."""
    count, limit = _core.thread_count(), _core.thread_limit()
    yield
    _core.set_thread_count(count)
    _core.set_thread_limit(limit)
