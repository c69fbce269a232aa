"""linear_cross_entropy: the loss of a product and its gradients, whatever the budget."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from kernel_calls import same_bits
from linear_problems import CHOICES, CUTS, NAMES, D, V, problem, truth
from tolerances import LINEAR, ulp_of

import logitkit as lk
from logitkit.backends import _linear, _linear_tiles

HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
IGNORE = -7
INF, NAN = np.inf, np.nan


def assert_near(got, want, units, eps, rounded=0.0):
    """Compare the four results; `rounded` is how much of an ULP of their dtype is excused."""
    for name, a, b, unit in zip(NAMES, got, want, units, strict=True):
        if b is None:
            assert a is None
            continue
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape, name
        wide = a.astype(np.float64)
        assert np.array_equal(np.isnan(wide), np.isnan(b)), name
        allowed = LINEAR * eps * unit + (rounded and rounded * ulp_of(b, a.dtype))
        near = (wide == b) | np.isnan(b) | (abs(wide - b) <= allowed)
        assert near.all(), (name, np.max((abs(wide - b) / allowed)[~near]))


# ---- the values -------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_within_the_table_of_the_reference(isa, dtype, choice, cut):
    memory, n = CUTS[cut]
    options = {**CHOICES[choice], "ignore_index": IGNORE}
    h, w, bias, targets = problem(dtype, (n,))
    for shift in (None, bias):
        want, units = truth(h, w, targets, shift, **options)
        got = lk.linear_cross_entropy_with_grad(h, w, targets, bias=shift, memory=memory, **options)
        assert {a.dtype for a in got if a is not None} == {np.dtype(dtype)}
        assert_near(got, want, units, np.finfo(dtype).eps)
        alone = lk.linear_cross_entropy(h, w, targets, bias=shift, memory=memory, **options)
        assert alone.dtype == dtype
        assert_near((alone, *got[1:]), want, units, np.finfo(dtype).eps)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("dtype", HALVES.values(), ids=HALVES)
def test_halves_are_rounded_once(dtype, cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(dtype, (n,))
    options = {**CHOICES["all"], "ignore_index": IGNORE}
    want, units = truth(h, w, targets, bias, **options)
    got = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, memory=memory, **options)
    assert {a.dtype for a in got} == {np.dtype(dtype)}
    assert_near(got, want, units, np.finfo(np.float32).eps, rounded=0.5)


@pytest.mark.parametrize("cut", CUTS)
def test_unequal_dtypes_meet_in_the_wider_and_each_gradient_has_its_own(cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(np.float16, (n,))
    for dtypes in itertools.product((np.float16, np.float32, np.float64), repeat=3):
        operands = [a.astype(d) for a, d in zip((h, w, bias), dtypes, strict=True)]
        got = lk.linear_cross_entropy_with_grad(
            *operands[:2], targets, bias=operands[2], ignore_index=IGNORE, memory=memory
        )
        assert [a.dtype for a in got[1:]] == list(dtypes)
        want, units = truth(h, w, targets, bias, ignore_index=IGNORE)
        wide = np.float64 in dtypes
        eps = np.finfo(np.float64 if wide else np.float32).eps
        assert_near(got, want, units, eps, rounded=0.5)


def test_integers_are_converted():
    rng = np.random.default_rng(3)
    h, w = rng.integers(-3, 4, (5, D)), rng.integers(-2, 3, (V, D))
    targets = np.arange(5)
    want, units = truth(h, w, targets)
    for small, dtype in ((np.int8, np.float32), (np.int64, np.float64)):
        got = lk.linear_cross_entropy_with_grad(h.astype(small), w.astype(small), targets)
        assert {a.dtype for a in got[:3]} == {np.dtype(dtype)}
        assert_near(got, want, units, np.finfo(dtype).eps)


@pytest.mark.parametrize("cut", CUTS)
def test_a_loss_near_0_keeps_its_digits(cut):
    memory, _ = CUTS[cut]
    w = np.zeros((V, 2))
    w[3, 0] = 50
    h = np.array([[1.0, 0.0], [0.5, 0.0], [2.0, 0.0]])
    loss, grad_h, _, _ = lk.linear_cross_entropy_with_grad(
        h, w, [3, 3, 3], reduction="none", memory=memory
    )
    want = np.log1p((V - 1) * np.exp(-50 * h[:, 0]))
    np.testing.assert_allclose(loss, want, rtol=1e-14, atol=0)
    np.testing.assert_allclose(grad_h[:, 0], 50 * np.expm1(-want), rtol=1e-14, atol=0)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", CHOICES)
def test_gradients_are_those_of_finite_differences(choice, cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(np.float64, (n,))
    options = {**CHOICES[choice], "ignore_index": IGNORE, "memory": memory}
    _, *gradients = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, **options)
    rng = np.random.default_rng(5)
    step = 1e-5
    for i, gradient in enumerate(gradients):
        along = rng.standard_normal(gradient.shape)
        sides = []
        for sign in (step, -step):
            moved = [h, w, bias]
            moved[i] = moved[i] + sign * along
            sides.append(
                lk.linear_cross_entropy(*moved[:2], targets, bias=moved[2], **options).sum()
            )
        np.testing.assert_allclose(
            (sides[0] - sides[1]) / (2 * step), (gradient * along).sum(), rtol=2e-7, atol=1e-9
        )


# ---- rows and classes that are special --------------------------------------------------------


@pytest.mark.parametrize("cut", CUTS)
def test_ignored_rows_do_not_exist_whatever_they_hold(cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(lead=(n,))
    kept = targets != IGNORE
    options = {**CHOICES["all"], "bias": bias, "memory": memory}
    want = lk.linear_cross_entropy_with_grad(h[kept], w, targets[kept], **options)
    h[~kept] = np.resize([NAN, INF, 1e308, -INF, 0], (1, (~kept).sum())).T
    got = lk.linear_cross_entropy_with_grad(h, w, targets, ignore_index=IGNORE, **options)
    for a, b in zip(got, (want[0], got[1], *want[2:]), strict=True):
        assert same_bits(np.asarray(a), np.asarray(b))
    assert same_bits(got.grad_h[kept], want.grad_h)
    assert same_bits(got.grad_h[~kept], np.zeros(((~kept).sum(), D)))


@pytest.mark.parametrize("cut", CUTS)
def test_nothing_to_average_is_nan_or_0_and_has_no_gradient(cut):
    memory, n = CUTS[cut]
    h, w, bias, _ = problem(lead=(n,))
    targets = np.full(n, IGNORE)
    for empty, value in (("nan", NAN), ("zero", 0.0)):
        loss, *gradients = lk.linear_cross_entropy_with_grad(
            h, w, targets, bias=bias, ignore_index=IGNORE, empty=empty, memory=memory
        )
        assert same_bits(loss, np.float64(value))
        for gradient, like in zip(gradients, (h, w, bias), strict=True):
            assert same_bits(gradient, np.zeros_like(like))
    rows = lk.linear_cross_entropy(
        h, w, targets, ignore_index=IGNORE, reduction="none", memory=memory
    )
    assert same_bits(rows, np.zeros(n))


@pytest.mark.parametrize("cut", CUTS)
def test_rows_of_no_weight_have_a_mean_of_nan_or_0(cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(lead=(n,))
    options = {"weight": np.zeros(V), "ignore_index": IGNORE, "bias": bias, "memory": memory}
    kept = targets != IGNORE
    got = lk.linear_cross_entropy_with_grad(h, w, targets, **options)
    assert np.isnan(got.loss) and not got.grad_h[~kept].any()
    assert all(np.isnan(a).all() for a in (got.grad_h[kept], got.grad_w, got.grad_bias))
    loss, *gradients = lk.linear_cross_entropy_with_grad(h, w, targets, empty="zero", **options)
    assert loss == 0 and not any(a.any() for a in gradients)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (3, 0)])
def test_empty_arrays(shape, cut):
    memory, _ = CUTS[cut]
    h, w = np.zeros(shape), np.ones((4, shape[-1]))
    targets = np.zeros(shape[:-1], int)
    got = lk.linear_cross_entropy_with_grad(h, w, targets, memory=memory)
    want = np.log(4) if h.shape[0] == 3 else NAN
    np.testing.assert_allclose(got.loss, want, rtol=1e-15)
    assert got.grad_h.shape == h.shape and same_bits(got.grad_w, np.zeros(w.shape))


SPECIAL = {
    "a class ruled out": (0, 5, -INF),
    "several, targets among them": (1, slice(0, 30), -INF),
    "all classes ruled out": (1, slice(None), -INF),
    "an infinite score": (1, 11, INF),
    "no number": (1, 12, NAN),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", ["plain", "weights", "smoothing", "all", "z-loss"])
@pytest.mark.parametrize("case", SPECIAL)
def test_special_scores_are_as_in_the_reference(case, choice, cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(lead=(n,))
    _, at, value = SPECIAL[case]
    bias[at] = value
    options = {**CHOICES[choice], "ignore_index": IGNORE, "reduction": "none"}
    if "weight" in options:
        options["weight"] = np.where(np.isfinite(bias), options["weight"], 0)
    got = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, memory=memory, **options)
    want = lk.reference.linear_cross_entropy_with_grad(h, w, targets, bias=bias, **options)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    if value == -INF and choice != "smoothing":
        assert not got.grad_bias[at].any() or np.isnan(got.grad_bias[at]).all()


# ---- what stands how in memory ----------------------------------------------------------------

LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "backwards": lambda a: np.flip(np.ascontiguousarray(np.flip(a))),
    "every other": lambda a: np.repeat(np.repeat(a, 2, 0), 2, -1)[::2, ..., ::2],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: np.frombuffer(b"-" + a.tobytes(), a.dtype, a.size, 1).reshape(a.shape),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lead", [(37,), (3, 4), (2, 1, 3)], ids=str)
def test_any_layout(layout, lead, cut):
    memory, _ = CUTS[cut]
    h, w, bias, targets = problem(np.float32, lead)
    want, units = truth(h, w, targets, bias, ignore_index=IGNORE)
    h, w = LAYOUTS[layout](h), LAYOUTS[layout](w)
    h.flags.writeable = w.flags.writeable = False
    got = lk.linear_cross_entropy_with_grad(
        h, w, targets, bias=bias, ignore_index=IGNORE, memory=memory
    )
    assert_near(got, want, units, np.finfo(np.float32).eps)
    assert all(a.flags.c_contiguous and a.dtype.isnative for a in got[1:])


@pytest.mark.parametrize("cut", CUTS)
def test_one_row_alone_and_repeated_ones(cut):
    memory, n = CUTS[cut]
    h, w, _, _ = problem(lead=(n,))
    loss, grad_h, grad_w, _ = lk.linear_cross_entropy_with_grad(h[0], w, 5, memory=memory)
    assert np.shape(loss) == () and grad_h.shape == (D,)
    many = lk.linear_cross_entropy_with_grad(
        np.broadcast_to(h[0], (9, D)), w, np.full(9, 5, np.uint8), memory=memory
    )
    np.testing.assert_allclose(many.loss, loss, rtol=1e-14)
    np.testing.assert_allclose(many.grad_h.sum(axis=0), grad_h, rtol=1e-12)
    np.testing.assert_allclose(many.grad_w, grad_w, rtol=1e-12, atol=1e-16)


def test_arguments_are_left_as_they_are():
    h, w, bias, targets = problem()
    before = [a.copy() for a in (h, w, bias, targets)]
    lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, ignore_index=IGNORE)
    for a, b in zip((h, w, bias, targets), before, strict=True):
        assert same_bits(a, b)


# ---- the ways ---------------------------------------------------------------------------------


def test_each_way_is_taken_and_cut_as_named(monkeypatch):
    taken = []

    def note(name, parts, spans):
        taken.append((name, len(parts) > 1, len(spans) > 1))

    by_rows, tiles = _linear._by_rows, _linear_tiles._Tiles.__init__

    def rows_noted(layer, terms, grads, step, w_step):
        note("rows", _linear.blocks(layer.rows, step), [layer.classes])
        return by_rows(layer, terms, grads, step, w_step)

    def tiles_noted(self, layer, memory):
        tiles(self, layer, memory)
        note("tiles", self.parts, self.spans)

    monkeypatch.setattr(_linear, "_by_rows", rows_noted)
    monkeypatch.setattr(_linear_tiles._Tiles, "__init__", tiles_noted)
    for dtype in (np.float32, np.float16):
        for memory, n in CUTS.values():
            h, w, _, targets = problem(dtype, (n,))
            lk.linear_cross_entropy_with_grad(h, w, targets, ignore_index=IGNORE, memory=memory)
    tiles_of_all = ("tiles", False, True)
    both, at_once = ("tiles", True, True), ("rows", False, False)
    assert taken[:5] == [both, both, tiles_of_all, ("rows", True, False), at_once]
    # What is to be rounded once is not added to part by part.
    assert taken[5:] == [both, both, tiles_of_all, tiles_of_all, at_once]


# ---- what is refused --------------------------------------------------------------------------

H, W, T = np.zeros((3, 2)), np.zeros((4, 2)), [0, 1, 2]
REFUSED = {
    "w is a vector": ((H, W[0], T), {}, ValueError, r"w has the shape \(2,\); it must have two"),
    "h is a number": ((1.0, W, T), {}, ValueError, r"h has the shape \(\); its last axis must be"),
    "another width": (
        (np.zeros((3, 5)), W, T),
        {},
        ValueError,
        r"h has the shape \(3, 5\); .* \(4, 2\)",
    ),
    "h is complex": ((H + 0j, W, T), {}, TypeError, "h has the dtype complex128; accepted are"),
    "w is text": ((H, W.astype(str), T), {}, TypeError, "w has the dtype <U32; accepted are"),
    "h is masked": ((np.ma.array(H), W, T), {}, TypeError, "h is a masked array"),
    "w is masked": ((H, np.ma.array(W), T), {}, TypeError, "w is a masked array"),
    "bias is short": (
        (H, W, T),
        {"bias": [1.0]},
        ValueError,
        r"bias has the shape \(1,\); .* \(4,\)",
    ),
    "weight is short": (
        (H, W, T),
        {"weight": [1.0]},
        ValueError,
        r"weight has the shape \(1,\); .* \(4,\)",
    ),
    "targets are few": ((H, W, T[:2]), {}, ValueError, r"targets has the shape \(2,\); .* \(3,\)"),
    "targets are soft": (
        (H, W, np.zeros((3, 4))),
        {},
        TypeError,
        "targets has the dtype float64; accepted are integers, which are classes: probabilities",
    ),
    "no such class": (
        (H, W, [0, 4, 9]),
        {},
        IndexError,
        r"targets is 4 at index \(1,\); accepted are the classes in \[0, 4\)",
    ),
    "memory is 0": ((H, W, T), {"memory": 0}, ValueError, "memory is 0; it must be a number of by"),
    "memory is -1": ((H, W, T), {"memory": -1}, ValueError, "memory is -1; it must be a number"),
    "memory is a float": ((H, W, T), {"memory": 1e6}, TypeError, "memory is 1000000.0; accepted"),
    "memory is a bool": ((H, W, T), {"memory": True}, TypeError, "memory is True; accepted is an"),
    "reduction": ((H, W, T), {"reduction": "max"}, ValueError, "reduction is 'max'; accepted are"),
    "smoothing": ((H, W, T), {"label_smoothing": 2}, ValueError, "label_smoothing is 2; it must"),
}


def test_arrays_of_other_libraries_are_refused_by_name():
    class Tensor:
        __module__ = "tensorflow"

    with pytest.raises(TypeError, match=r"^x is a tensorflow\."):
        lk.linear_cross_entropy(H, Tensor(), T)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_by_name(name):
    operands, options, error, message = REFUSED[name]
    for function in (lk.linear_cross_entropy, lk.linear_cross_entropy_with_grad):
        with pytest.raises(error, match=f"^{message}"):
            function(*operands, **options)
