"""Fit the polynomial coefficients of `src/core/math` and print them as hex floats with their bound.

    python tools/fit_coefficients.py

exp: minimax over ln(2) [s - 1/2, s + 1/2] (a little wider: the exponent is rounded in working
precision) of the relative error of 1 + r + c2 r^2 + ... + cn r^n, the first two terms fixed so that
small r keep their digits. s is the shift of `src/core/math/exp.hpp`, 0 for doubles. log: minimax of
the odd series 2 atanh(s) = 2 s + s^3 (d0 + d1 s^2 + ...) over |s| <= 3 - 2 sqrt(2). Both by Remez
exchange in 60 digits (mpmath). Each coefficient is then rounded to the working format, and single
ULPs are moved while that lowers the largest error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import mpmath as mp
import numpy as np

mp.mp.dps = 60
EXP_SHIFT = {np.float32: mp.mpf(87) / 1024, np.float64: mp.mpf(0)}
EXP_MARGIN = mp.mpf("0.00025")
LOG_INTERVAL = 3 - 2 * mp.sqrt(2)


def round_to(value: mp.mpf, dtype: type[np.floating]) -> mp.mpf:
    """Round to the nearest number of a floating format (mpmath rounds by its precision)."""
    with mp.workprec(np.finfo(dtype).nmant + 1):
        return +value


def remez(
    target: Callable[[mp.mpf], mp.mpf],
    weight: Callable[[mp.mpf], mp.mpf],
    powers: list[int],
    points: list[mp.mpf],
) -> tuple[list[mp.mpf], mp.mpf]:
    """Minimise max |weight * (sum c_k x^k - target)| over a dense set of points by exchange."""
    count = len(powers) + 1
    step = (len(points) - 1) / (count - 1)
    nodes = [points[round(i * step)] for i in range(count)]
    for _ in range(60):
        rows = [[weight(x) * x**k for k in powers] + [(-1) ** i] for i, x in enumerate(nodes)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([weight(x) * target(x) for x in nodes]))
        coefficients, level = list(solution[: count - 1]), abs(solution[count - 1])
        errors = [
            weight(x)
            * (sum(c * x**k for c, k in zip(coefficients, powers, strict=True)) - target(x))
            for x in points
        ]
        # One extremum for each run of equal sign.
        extrema: list[int] = []
        for i, error in enumerate(errors):
            if error == 0:
                continue
            if extrema and mp.sign(errors[extrema[-1]]) == mp.sign(error):
                if abs(error) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > count:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        worst = max(abs(e) for e in errors)
        if len(extrema) < count or worst <= level * mp.mpf("1.001"):
            return coefficients, worst
        nodes = [points[i] for i in extrema]
    return coefficients, worst


def chebyshev(low: mp.mpf, high: mp.mpf, count: int) -> list[mp.mpf]:
    """Chebyshev points of an interval, in rising order, never 0 (where the weights vanish)."""
    points = [
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / (count - 1)) for i in range(count)
    ]
    return [x for x in points if x != 0]


def fit_rounded(
    target: Callable[[mp.mpf], mp.mpf],
    weight: Callable[[mp.mpf], mp.mpf],
    terms: int,
    points: list[mp.mpf],
    dtype: type[np.floating],
) -> tuple[list[mp.mpf], mp.mpf]:
    """Fit, round, then move coefficients by ULPs, alone and in pairs, while the error falls."""
    powers = list(range(terms))
    coefficients = [round_to(c, dtype) for c in remez(target, weight, powers, points)[0]]
    ulps = [mp.mpf(float(np.spacing(dtype(abs(float(c)))))) for c in coefficients]
    # The error is linear in the steps: exact to working precision at the start, floats from there.
    start = np.array(
        [
            float(weight(x) * (sum(c * x**k for k, c in enumerate(coefficients)) - target(x)))
            for x in points
        ]
    )
    slopes = np.array([[float(weight(x) * u * x**k) for x in points] for k, u in enumerate(ulps)])
    moves = [{i: a} for i in powers for a in (-1, 1)]
    moves += [{i: a, j: b} for i in powers for j in range(i) for a in (-1, 1) for b in (-1, 1)]
    changes = np.array([sum(n * slopes[k] for k, n in move.items()) for move in moves])
    steps = [0] * terms
    error, bound = start, np.abs(start).max()
    while True:
        bounds = np.abs(error + changes).max(axis=1)
        best = int(bounds.argmin())
        if bounds[best] >= bound:
            break
        error, bound = error + changes[best], bounds[best]
        for k, n in moves[best].items():
            steps[k] += n
    return [c + n * u for c, n, u in zip(coefficients, steps, ulps, strict=True)], mp.mpf(bound)


def fit_exp(degree: int, dtype: type[np.floating]) -> tuple[list[mp.mpf], mp.mpf]:
    """c2..cn of e^r = 1 + r + c2 r^2 + ... + cn r^n, and the largest relative error."""
    half, shift = mp.mpf("0.5") + EXP_MARGIN, EXP_SHIFT[dtype]
    points = chebyshev(mp.log(2) * (shift - half), mp.log(2) * (shift + half), 402)
    # Divide out r^2: the unknown is a plain polynomial of degree n - 2.
    return fit_rounded(
        lambda r: (mp.exp(r) - 1 - r) / r**2,
        lambda r: r**2 * mp.exp(-r),
        degree - 1,
        points,
        dtype,
    )


def fit_log(terms: int) -> tuple[list[mp.mpf], mp.mpf]:
    """d0..dn of 2 atanh(s) = 2 s + s^3 (d0 + d1 s^2 + ...), and the largest relative error."""
    # In z = s^2: (2 atanh(s) - 2 s) / s^3, relative to 2 s.
    points = chebyshev(LOG_INTERVAL**2 / 10**4, LOG_INTERVAL**2, 402)
    return fit_rounded(
        lambda z: (2 * mp.atanh(mp.sqrt(z)) - 2 * mp.sqrt(z)) / mp.sqrt(z) ** 3,
        lambda z: z / 2,
        terms,
        points,
        np.float64,
    )


def split_ln2(bits: int, dtype: type[np.floating]) -> tuple[mp.mpf, mp.mpf]:
    """ln(2) as a head of few bits, whose products with exponents are exact, and a tail."""
    with mp.workprec(bits):
        head = +mp.log(2)
    return head, round_to(mp.log(2) - head, dtype)


def literal(value: mp.mpf, dtype: type[np.floating]) -> str:
    """Hex float literal as it stands in the kernels."""
    text = float(value).hex()
    mantissa, exponent = text.split("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    suffix = "f" if dtype is np.float32 else ""
    return f"{mantissa}p{exponent}{suffix}"


def constants() -> dict[str, list[str]]:
    """Every group of literals that the kernels carry, by name."""
    groups: dict[str, list[str]] = {}
    for name, degree, dtype, bits in (("float", 6, np.float32, 16), ("double", 11, np.float64, 32)):
        coefficients, bound = fit_exp(degree, dtype)
        groups[f"exp<{name}> c2..c{degree}, relative error 2^{float(mp.log(bound, 2)):.2f}"] = [
            literal(c, dtype) for c in coefficients
        ]
        groups[f"exp<{name}> log2(e), ln(2) head, ln(2) tail"] = [
            literal(c, dtype) for c in (round_to(1 / mp.log(2), dtype), *split_ln2(bits, dtype))
        ]
    coefficients, bound = fit_log(9)
    groups[f"log d0..d8, relative error 2^{float(mp.log(bound, 2)):.2f}"] = [
        literal(c, np.float64) for c in coefficients
    ]
    groups["log ln(2) head, ln(2) tail"] = [
        literal(c, np.float64) for c in split_ln2(32, np.float64)
    ]
    return groups


def main() -> None:
    """Print the constants."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for name, literals in constants().items():
        print(name)
        for text in literals:
            print(f"    {text:<26} {float.fromhex(text.rstrip('f')):.17g}")


if __name__ == "__main__":
    main()
