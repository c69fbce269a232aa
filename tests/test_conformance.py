"""The contract: every case of the table on every library of arrays, in every layout."""

from collections import Counter
from functools import partial

import numpy as np
import pytest
from conformance.backends import BACKENDS, Library
from conformance.cases import applies, check
from conformance.mutants import MUTANTS
from conformance.rules import RULES
from conformance.table import CASES

import logitkit as lk

BY_NAME = {backend.name: backend for backend in BACKENDS}


def cases_of(rule, backend):
    return [case for case in CASES if case.rule == rule and applies(case, backend)]


def ours(name):
    return getattr(lk, name)


@pytest.mark.parametrize("backend", BY_NAME)
@pytest.mark.parametrize("rule", RULES)
def test_rule(rule, backend):
    broken = []
    for case in cases_of(rule, BY_NAME[backend]):
        try:
            with BY_NAME[backend].mode():
                check(case, BY_NAME[backend], ours)
        except AssertionError as error:
            broken.append(str(error))
    if broken:
        pytest.fail(f"{len(broken)} cases:\n" + "\n".join(broken), pytrace=False)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_cases(rule):
    assert cases_of(rule, BACKENDS[0])


def test_every_case_has_a_rule_and_a_name_of_its_own():
    assert {case.rule for case in CASES} <= set(RULES)
    names = Counter((case.rule, case.name) for case in CASES)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_case_runs_on_plain_numpy():
    assert [case.name for case in CASES if not applies(case, BACKENDS[0])] == []


@pytest.mark.parametrize("backend", [b for b in BACKENDS if b.without], ids=lambda b: b.name)
def test_what_a_backend_is_without_refuses_its_arrays(backend):
    with backend.mode():
        x = backend.asarray(np.zeros(3))
        for name in backend.without:
            options = {"seed": 1} if name == "sample" else {}
            with pytest.raises(TypeError, match=r"^x is a"):
                getattr(lk, name)(x, **options)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.name)
def test_a_backend_makes_what_it_is_named_after(backend):
    for name in sorted(backend.dtypes):
        a = np.arange(12).reshape(3, 4).astype(name)
        with backend.mode():
            made = backend.asarray(a)
            assert backend.holds(made)
            assert np.array_equal(backend.to_numpy(made), a)
        assert np.array_equal(a, np.arange(12).reshape(3, 4).astype(name))


def test_no_backend_is_another():
    probe = np.arange(12.0).reshape(3, 4)
    for one in BACKENDS[1:]:
        # What holds of a layout is asked of NumPy's arrays alone.
        asked = [b for b in BACKENDS if b is not one and isinstance(one, Library | type(b))]
        for b in asked:
            with b.mode():
                assert not one.holds(b.asarray(probe)), f"{b.name} is {one.name}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.rule}-{m.mistake}")
def test_each_rule_can_fail(mutant):
    """With the mistake in the function's place a case of the rule fails, of each function."""

    def broken(name):
        right = getattr(lk, name)
        return partial(mutant.call, right) if name in mutant.functions else right

    caught = set()
    for case in cases_of(mutant.rule, BACKENDS[0]):
        try:
            check(case, BACKENDS[0], broken)
        except AssertionError:
            caught.add(case.function)
    assert caught == set(mutant.functions)


def test_every_rule_has_a_mutant():
    assert {mutant.rule for mutant in MUTANTS} == set(RULES)
