"""linear_cross_entropy: any layout; the way that a budget takes; what is refused."""

import numpy as np
import pytest
import torch
from kernel_calls import same_bits
from linear_problems import CUTS, IGNORE, D, assert_near, problem, truth

import logitkit as lk
from logitkit.backends import _linear, _linear_tiles

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


def test_arrays_of_two_libraries_are_refused():
    with pytest.raises(TypeError, match=r"^w is a torch\.Tensor, and h of NumPy"):
        lk.linear_cross_entropy(H, torch.tensor(W), T)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_by_name(name):
    operands, options, error, message = REFUSED[name]
    for function in (lk.linear_cross_entropy, lk.linear_cross_entropy_with_grad):
        with pytest.raises(error, match=f"^{message}"):
            function(*operands, **options)
