"""The true values, to more digits than the dtype under test has.

`logitkit.reference` is the oracle for what a result means; these two are for its last digits:

- `Exact` in ``numpy.longdouble`` (64 bit mantissa, or more) for whole arrays. The distance
  ``q = (x - m) / T`` is taken before the exponential, and what its two roundings lose is carried
  along, so that exp adds no more than 2^-63 of its own: at most 2^-10 ULP of float64. The range of
  exponents (15 bit) is beyond that of float64, so nothing overflows.
- `exact_row` in mpmath for chosen rows, with as many digits as log(1 + tiny) needs.
"""

import mpmath
import numpy as np

LD = np.longdouble
assert np.finfo(LD).nmant >= 63, "numpy.longdouble has no more digits than float64 on this machine"


class Exact:
    """Softmax and its family along the last axis of finite scores (or -inf), as longdoubles."""

    def __init__(self, x, temperature=1.0):
        x, t = np.asarray(x).astype(LD), np.asarray(temperature).astype(LD)
        if t.ndim:
            t = t[..., None]
        m = x.max(axis=-1, keepdims=True)
        maxima = x == m
        q, error = _quotient(np.where(np.isfinite(x), x, 0), m, t)
        q = np.where(np.isfinite(x), q, -np.inf)
        weights = np.exp(q) * (1 + error)
        count = maxima.sum(axis=-1, keepdims=True).astype(LD)
        rest = np.where(maxima, 0, weights).sum(axis=-1, keepdims=True)
        log_sum = np.log(count) + np.log1p(rest / count)
        self.q, self.error, self.weights, self.total = q, error, weights, count + rest
        self.softmax = weights / self.total
        self.log_softmax = q + (error - log_sum)
        self.anchor = (m / t)[..., 0]
        self.log_sum = log_sum[..., 0]
        self.logsumexp = self.anchor + self.log_sum
        with np.errstate(invalid="ignore"):
            self.entropy = self.log_sum - np.where(weights > 0, self.softmax * q, 0).sum(axis=-1)


def _quotient(x, m, t):
    """Return q and its error: ``(x - m) / t`` to twice the precision (Dekker, Knuth)."""
    d = x - m
    back = d - x
    lost = (x - (d - back)) - (m + back)
    q = d / t
    (q_high, q_low), (t_high, t_low) = _halves(q), _halves(t)
    rest = (((d - q_high * t_high) - q_high * t_low) - q_low * t_high) - q_low * t_low
    return q, (rest + lost) / t


def _halves(a):
    """Split into two parts of at most 32 bits, whose products are exact (Veltkamp)."""
    c = LD(2**32 + 1) * a
    high = c - (c - a)
    return high, a - high


def exact_vjp(p, g, temperature):
    """Return the true product and the larger of the two terms whose difference it is."""
    p, g = p.astype(LD), g.astype(LD)
    dot = (p * g).sum(axis=-1, keepdims=True)
    terms = np.maximum(np.abs(p * g), np.abs(p * dot))
    return p * (g - dot) / LD(temperature), terms / LD(temperature)


def exact_log_vjp(log_p, g, temperature):
    """Return the true product for log_softmax, and the larger of its two terms."""
    p, g = np.exp(log_p.astype(LD)), np.where(log_p == -np.inf, 0, g.astype(LD))
    total = g.sum(axis=-1, keepdims=True)
    terms = np.maximum(np.abs(g), np.abs(p * total))
    return (g - p * total) / LD(temperature), terms / LD(temperature)


def exact_reduction_vjps(x, g, temperature):
    """Return the true products for logsumexp and entropy, and for the latter its larger term."""
    true, t = Exact(x, temperature), LD(temperature)
    share = true.softmax * (g.astype(LD)[..., None] / t)
    q = np.where(true.softmax > 0, true.q, 0)
    mean = -(true.softmax * q).sum(axis=-1, keepdims=True)
    terms = np.abs(share) * np.maximum(np.abs(q), mean)
    return share, -share * (q + (true.error + mean)), terms


def exact_divergence(p_logits, q_logits, temperature):
    """Return the true divergence of each row, and the largest of the terms that it is the sum of.

    Nearly equal rows need the form that the kernels use, in longdouble: see `rows/divergence.hpp`.
    """
    p, q = Exact(p_logits, temperature), Exact(q_logits, temperature)
    apart = (p.q - q.q) + (p.error - q.error)
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.abs(apart) < 1
        grown = np.where(near, p.weights * np.expm1(-apart), q.weights - p.weights) / p.total
        product = np.where(p.weights > 0, p.softmax * apart, 0)
    total = grown.sum(axis=-1)
    value = (product + grown).sum(axis=-1) - (total - np.log1p(total))
    terms = np.where(p.weights > 0, np.abs(p.softmax * (apart + np.log1p(total)[..., None])), 0)
    return value, terms.max(axis=-1)


def exact_divergence_row(p_logits, q_logits, temperature=1.0):
    """Return the divergence of two rows of finite scores in mpmath."""
    with mpmath.workdps(900):
        logs = []
        for x in (p_logits, q_logits):
            z = [mpmath.mpf(float(v)) / mpmath.mpf(float(temperature)) for v in x]
            m = max(z)
            total = mpmath.log(mpmath.fsum(mpmath.exp(v - m) for v in z))
            logs.append([v - m - total for v in z])
        terms = [mpmath.exp(a) * (a - b) for a, b in zip(*logs, strict=True)]
        return [mpmath.fsum(terms)], max(abs(t) for t in terms)


def exact_cross_entropy(x, targets, weight=None, label_smoothing=0.0, z_loss=0.0, scale=1.0):
    """Return the true losses of rows of finite scores, `scale` times their gradient, its terms.

    `targets` are classes, or a probability for each; the terms are the largest of the three
    that the gradient is the sum of.
    """
    true = Exact(x)
    w = LD(1) if weight is None else np.asarray(weight).astype(LD)
    soft = np.asarray(targets)
    if soft.ndim < x.ndim:
        soft = soft[..., None] == np.arange(x.shape[-1])
    soft, s = soft.astype(LD), LD(label_smoothing)
    a = w * ((1 - s) * soft + s / x.shape[-1])
    v, whole = ((w * soft).sum(axis=-1), a.sum(axis=-1, keepdims=True))
    loss = (a * -true.log_softmax).sum(axis=-1) + LD(z_loss) * v * true.logsumexp**2
    pull = 2 * LD(z_loss) * (v * true.logsumexp)[..., None]
    # p - 1 of a probability near 1 is what the logarithm tells of it.
    near_1 = np.expm1(true.log_softmax) * whole + (whole - a)
    less = np.where(true.softmax > 0.5, near_1, whole * true.softmax - a)
    grad = less + pull * true.softmax
    sizes = np.maximum(np.abs(whole), np.abs(pull)) * true.softmax
    terms = np.maximum(sizes, np.abs(a))
    return loss, grad * LD(scale), terms * LD(scale)


def exact_jacobian(p, temperature):
    """Return ``(diag(p) - p p^T) / T``."""
    p = p.astype(LD)
    column, row = p[..., :, None], p[..., None, :]
    diagonal = np.eye(p.shape[-1], dtype=bool)
    return column * np.where(diagonal, 1 - column, -row) / LD(temperature)


def exact_activation(name, x):
    """Return sigmoid, tanh or silu."""
    x = x.astype(LD)
    small = np.exp(-np.abs(x))
    sigmoid = np.where(x >= 0, 1, small) / (1 + small)
    return {"sigmoid": sigmoid, "tanh": np.tanh(x), "silu": x * sigmoid}[name]


def exact_row(x, temperature=1.0):
    """Return softmax, log_softmax, logsumexp and entropy of one row of finite scores in mpmath."""
    with mpmath.workdps(900):
        z = [mpmath.mpf(float(v)) / mpmath.mpf(float(temperature)) for v in x]
        m = max(z)
        e = [mpmath.exp(v - m) for v in z]
        total = mpmath.fsum(e)
        log_sum = mpmath.log(total)
        p = [v / total for v in e]
        mean = mpmath.fsum(a * (b - m) for a, b in zip(p, z, strict=True))
        return {
            "softmax": p,
            "log_softmax": [v - m - log_sum for v in z],
            "logsumexp": [m + log_sum],
            "entropy": [log_sum - mean],
        }


def to_longdouble(values):
    """Return mpmath numbers as longdoubles, by head and tail: none of their digits is lost."""
    result = []
    for v in values:
        with mpmath.workdps(900):
            mantissa, exponent = mpmath.frexp(v)
            if abs(exponent) > 16000:
                result.append((LD(np.inf) if exponent > 0 else LD(0)) * int(mpmath.sign(v)))
                continue
            head = float(mantissa)
            result.append(np.ldexp(LD(head) + LD(float(mantissa - head)), int(exponent)))
    return np.array(result, LD)
