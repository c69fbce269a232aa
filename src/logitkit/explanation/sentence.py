"""The words of an explanation: one sentence that reads the result, and notes on what is special."""

import math
from collections.abc import Sequence

import numpy as np

from logitkit.explanation.naive import Way, exp_range
from logitkit.explanation.steps import Step, Worked


def percent(step: Step) -> str:
    """Return a probability as people say it: 55 %, 0.12 %, 99.95 %, never 100 % below 1.

    >>> from logitkit import explain
    >>> [percent(s) for s in explain([9.0, 0.0]).steps]
    ['99.988 %', '0.012 %']
    """
    p, rest = step.probability, -math.expm1(step.log_probability)
    if step.log_probability in (0, -math.inf):
        return "0 %" if p == 0 else "100 %"
    if p < 1e-6:
        return "less than 0.0001 %"
    if rest < 1e-6:
        return "more than 99.9999 %"
    # Two digits of what is small, be it the probability or what it lacks to 1.
    small = 100 * min(p, rest)
    digits = 0 if small >= 0.95 else 1 - math.floor(math.log10(small))
    return f"{100 * p if p < 0.5 else 100 * (1 - rest):.{digits}f} %"


def sentence(worked: Worked) -> str:
    """Return the sentence that interprets the result."""
    steps, t = worked.steps, worked.temperature
    if worked.stable.failures:
        return _undefined(worked)
    if len(steps) == 1:
        return f"always {steps[0].label} (100 %): the only class has probability 1"
    possible = [s for s in steps if s.logit > -math.inf]
    if len(possible) == 1:
        return f"always {possible[0].label} (100 %): every other class is impossible"
    if t == 0:
        best = max(steps, key=lambda s: s.probability)
        return f"always {best.label} (100 %): temperature 0 takes the largest score"
    if t == math.inf:
        return f"{_names(possible)} are equally likely ({percent(possible[0])} each)"
    scores = sorted({s.logit for s in possible}, reverse=True)
    groups = [[s for s in possible if s.logit == score] for score in scores[:2]]
    if len(groups[0]) == 1:
        first = f"most likely {groups[0][0].label} ({percent(groups[0][0])})"
    else:
        first = f"{_names(groups[0])} are equally likely ({percent(groups[0][0])} each)"
    if len(groups) == 1:
        return first
    each = " each" if len(groups[1]) > 1 else ""
    return f"{first}, then {_names(groups[1])} ({percent(groups[1][0])}{each})"


def notes(worked: Worked) -> tuple[str, ...]:
    """Return what else there is to say: limits, ties, impossible classes, both ways to compute."""
    return (*_limits(worked), *_ties(worked), *_impossible(worked), _naive(worked), _stable(worked))


def _undefined(worked: Worked) -> str:
    label = worked.stable.failures[0].label
    if math.isnan(worked.maximum):
        why = f"the score of {label} is NaN, and each probability depends on every score"
    elif worked.maximum > 0:
        why = f"the score of {label} is +inf, and inf / inf has no value"
    else:
        why = "every score is -inf, so the sum of the exponentials is 0, and 0 / 0 has no value"
    return f"softmax is undefined here: {why}"


def _limits(worked: Worked) -> list[str]:
    if worked.stable.failures:
        return []
    if worked.temperature == 0:
        return ["temperature 0 is the limit of ever smaller ones: the largest score takes all"]
    if worked.temperature == math.inf:
        return ["temperature inf is the limit of ever larger ones: all differences vanish"]
    return []


def _ties(worked: Worked) -> list[str]:
    if worked.stable.failures:
        return []
    best = [s for s in worked.steps if s.rank == 1]
    if len(best) == 1 or worked.temperature == math.inf:
        return []
    if worked.temperature == 0:
        return [f"{_names(best)} tie for the largest score; at temperature 0 the first one wins"]
    return [f"{_names(best)} tie: equal scores have equal probabilities"]


def _impossible(worked: Worked) -> list[str]:
    if worked.stable.failures:
        return []
    out = [s for s in worked.steps if s.logit == -math.inf]
    if not out:
        return []
    verb = "is" if len(out) == 1 else "are"
    return [f"{_names(out)} {verb} impossible: a score of -inf has the exponential 0"]


def _naive(worked: Worked) -> str:
    way, t = worked.naive, worked.temperature
    if way.failures:
        return "naive: fails, " + "; then ".join(_told(way, worked.steps))
    if worked.stable.failures:
        return "naive: undefined as well"
    _, high = exp_range(way.dtype)
    largest = worked.maximum / t if t < math.inf else 0.0
    text = f"naive: works, the largest exponent is {largest:.6g} and {way.dtype} holds exp(x)"
    return f"{text} up to x = {high:.2f}"


def _told(way: Way, steps: Sequence[Step]) -> list[str]:
    """Return each failure with its class, and how many classes share that of exp."""
    infinite = sum(1 for e in way.exponentials if math.isinf(e))
    told = []
    for f in way.failures:
        more = f" and {infinite - 1} more" if f.step == "exp" and infinite > 1 else ""
        where = f" (at {f.label}{more})" if f.label is not None and len(steps) > 1 else ""
        told.append(f.message + where)
    return told


def _stable(worked: Worked) -> str:
    if worked.stable.failures:
        return f"stable: undefined, {worked.stable.failures[0].message}"
    text = f"stable: subtracts the largest score, {np.float64(worked.maximum):.6g}, first; then"
    return f"{text} the largest exponential is exp(0) = 1 and nothing overflows"


def _names(steps: Sequence[Step]) -> str:
    if len(steps) > 4:
        return f"{len(steps)} classes"
    *head, last = (s.label for s in steps)
    return f"{', '.join(head)} and {last}" if head else last
