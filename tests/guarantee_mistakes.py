"""The mistake for each test that docs/contract.md names; `break_guarantees.py` makes them."""

import builtins
import os
from functools import partial

MAPS = ("softmax", "log_softmax")
FAMILY = (*MAPS, "logsumexp", "entropy")
WITH_GRAD = "cross_entropy_with_grad"
LOSSES = ("cross_entropy", WITH_GRAD)


def wrap(names, call):
    """Put a wrapper in the place of public functions."""
    import logitkit

    for name in names:
        right = getattr(logitkit, name)

        def broken(*args, right=right, **options):
            return call(right, *args, **options)

        broken.__name__ = name
        setattr(logitkit, name, broken)


def wrap_core(call):
    """Put a wrapper in the place of the core."""
    from logitkit import _core

    right = _core.apply
    _core.apply = lambda *args, **options: call(right, *args, **options)
    _core.map_plain = _core.vjp_plain = lambda *_: None  # the short ways do without it


def nudged(when):
    """Return a wrapper of the core that moves results by a bit where `when` says so."""

    def call(apply, op, x, out, *rest, **options):
        import numpy as np

        odd = when(x)
        apply(op, x, out, *rest, **options)
        if odd and out.size:
            flat = out.reshape(-1) if out.flags.c_contiguous else out.ravel()
            flat[...] = np.nextafter(flat, flat.dtype.type(0.3))
            if not out.flags.c_contiguous:
                out[...] = flat.reshape(out.shape)

    return call


def break_import():
    real, seen = builtins.__import__, []

    def load(name, *args, **options):
        module = real(name, *args, **options)
        if name == "logitkit" and not seen:
            seen.append(name)
            real("http.client")
        return module

    builtins.__import__ = load


def row_by_row(apply, op, x, out, axes, *rest, **options):
    """Keep the GIL: no call of the core is large."""
    if x.ndim != 2:
        return apply(op, x, out, axes, *rest, **options)
    import numpy as np

    for i in range(len(x)):
        parts = zip(np.array_split(x[i], 6), np.array_split(out[i], 6), strict=True)
        for a, b in parts:
            apply(op, a, b, 1, *rest, **options)
    return True


def shared_memory(f, x, *args, **options):
    """Hand each thread the same memory."""
    import numpy as np

    out = SHARED.setdefault((f, np.shape(x)), np.empty_like(x))
    out[...] = f(x, *args, **options)
    return out


SHARED: dict = {}


def off_on_tensors(f, x, *args, **options):
    """Give PyTorch other results than NumPy."""
    import numpy as np

    got = f(x, *args, **options)
    return got if isinstance(got, np.ndarray | np.generic) else got * (1 + 2**-6)


def pushed(f, x, *args, **options):
    """Let every score have some gradient."""
    if getattr(x, "requires_grad", False):
        x = x * 1
        x.register_hook(lambda g: g + 1e-3)
    return f(x, *args, **options)


def lacking_threads(x):
    from logitkit import _core

    return _core.thread_count() > 1 and x.size > 20000


def is_generic(x):
    from logitkit import _core

    return _core.isa() == "generic"


def in_child(parent):
    return lambda x: os.getpid() != parent


def mistakes():
    """Return what breaks each test."""
    import numpy as np
    from conformance import mistakes as m

    def several(change):
        return lambda: wrap(FAMILY, m.on_result(change))

    inaccurate = several(lambda got, x, o: got * (1 + 40 * float(np.finfo("f4").eps)))
    positive = several(lambda got, x, o: got + 1e-3)
    untold = partial(wrap, FAMILY, m.saying("bad argument"))
    forgiving = partial(
        wrap_core,
        lambda f, op, x, out, *r, **o: (f(op, x, out, *r, **o), np.nan_to_num(out, copy=False))[0],
    )

    def truncated(f, x, *args, **options):
        return f(x[: 2**31 - 1] if np.ndim(x) == 1 else x[: 2**21 - 1], *args, **options)

    def in_float64(dtype, wanted=None, name="x"):
        result, compute = right_dtypes(dtype, wanted, name)
        return result, np.dtype(float) if result.itemsize == 2 else compute

    def double():
        from logitkit.backends import _arguments

        _arguments.result_dtypes = in_float64

    def losses(names=LOSSES, **changes):
        return lambda: wrap(names, m.with_grad(**changes))

    def short(targets, classes, options):
        return np.maximum(targets, 1) - 1 if targets.dtype.kind == "u" else targets

    def bad_losses():
        inaccurate()
        factor = 1 + 40 * float(np.finfo("f4").eps)
        losses(of_loss=lambda loss: loss * factor, of_grad=lambda grad: grad * factor)()

    def almost_0(grad):
        return np.where(grad == 0, 1e-3, grad)

    linear = ("linear_cross_entropy_with_grad",)

    def lavish(f, *operands, memory=2**26, **options):
        return f(*operands, memory=8 * memory, **options)

    def off_the_reference(f, *args, **options):
        got = f(*args, **options)
        return got._replace(grad_w=got.grad_w * (1 + 1e-4))

    def without_leaving_out(f, h, *args, **options):
        got = f(h, *args, **options)
        return got._replace(grad_w=got.grad_w + 0 * h.sum())

    def one_less(f, x, **options):
        """Leave out the last that is kept."""
        left = f(x, **options)
        rows = left.reshape(-1, left.shape[-1]) if left.ndim else left.reshape(1, 1)
        for row in rows:
            kept = np.flatnonzero(row > -np.inf)
            row[kept[1:][-1:]] = -np.inf
        return left

    def filters(call):
        return lambda: wrap(("filter_logits",), call)

    def draws(call):
        return lambda: wrap(("sample",), call)

    def by_threads(f, *args, **options):
        from logitkit import _core

        return f(*args, **options | {"seed": options["seed"] + _core.thread_count()})

    def less_even(f, x, **options):
        return f(np.asarray(x) * 1.01, **options)

    def everywhere(f, x, **options):
        return f(np.maximum(x, -20), **options)

    from logitkit.backends import _arguments

    right_dtypes = _arguments.result_dtypes
    other_bits = partial(wrap, FAMILY, off_on_tensors)
    with_gradient = partial(wrap, (*FAMILY, "gather_logprobs", "kl_divergence"), pushed)
    by_rows = nudged(lambda x: x.ndim == 2 and len(x) > 2)
    return {
        "test_any_axis_is_its_rows_one_by_one": lambda: wrap(FAMILY, m.without("axis")),
        "test_every_input_is_correctly_rounded": several(lambda got, x, o: m.rounded_short(got)),
        "test_every_result_is_that_of_float32_rounded_once": double,
        "test_one_bad_score_spoils_a_long_row": forgiving,
        "test_what_stands_in_a_masked_slot_changes_no_bit": lambda: wrap(
            FAMILY, m.on_x(m.anchored)
        ),
        "test_any_finite_scores_at_any_temperature": lambda: wrap(FAMILY, m.naive),
        "test_any_call_gives_a_result_or_an_error_that_names_an_argument": untold,
        "test_layout_changes_no_bit": lambda: wrap_core(
            nudged(lambda x: not x.flags.c_contiguous or not x.flags.aligned)
        ),
        "test_a_batch_may_be_split_at_every_point": lambda: wrap_core(by_rows),
        "test_the_neighbours_of_a_row_do_not_matter": lambda: wrap_core(
            nudged(lambda x: bool(np.isnan(x).any()))
        ),
        "test_the_address_does_not_matter": lambda: wrap_core(
            nudged(lambda x: x.ctypes.data % 64 == 0)
        ),
        "test_every_instruction_set_gives_the_same": lambda: wrap_core(nudged(is_generic)),
        "test_the_number_of_threads_changes_no_bit": lambda: wrap_core(nudged(lacking_threads)),
        "test_eight_python_threads_at_once": lambda: wrap(FAMILY, shared_memory),
        "test_another_python_thread_makes_progress_during_a_large_call": lambda: wrap_core(
            row_by_row
        ),
        "test_a_forked_child_computes_right_and_does_not_hang": lambda: wrap_core(
            nudged(in_child(os.getpid()))
        ),
        "test_within_the_table_on_every_input": bad_losses,
        "test_every_integer_dtype_is_a_class": lambda: wrap(LOSSES, m.on_targets(short)),
        "test_the_first_target_out_of_range_is_named": lambda: wrap(
            (*LOSSES, "nll_loss"), m.saying("targets is out of range", IndexError)
        ),
        "test_special_rows": losses(of_loss=lambda loss: np.minimum(loss, 1e30)),
        "test_no_mean_no_gradient_or_nan": losses(of_loss=np.nan_to_num),
        "test_dropping_ignored_rows_by_hand_changes_nothing": lambda: wrap(
            LOSSES, m.on_targets(m.counted)
        ),
        "test_soft_targets_of_one_class_are_that_class": lambda: wrap(LOSSES, m.less_likely),
        "test_parts_with_one_normalizer_add_up_to_the_whole": lambda: wrap(
            LOSSES, m.without("normalizer")
        ),
        "test_the_loss_beside_it_has_the_bits_of_the_loss_alone": losses(
            (WITH_GRAD,), of_loss=lambda loss: np.nextafter(loss, loss.dtype.type(9))
        ),
        "test_it_is_the_limit_of_differences": losses(of_grad=lambda grad: 0.999 * grad),
        "test_masked_and_impossible_slots_have_exactly_none": losses(of_grad=almost_0),
        "test_rows_that_are_left_out_have_none": losses(of_grad=almost_0),
        "test_vjp_is_within_the_table": lambda: wrap(
            ("softmax_vjp",), m.on_result(lambda got, x, o: got * 1.01)
        ),
        "test_one_row_is_longer": lambda: wrap(("logsumexp",), truncated),
        "test_all_rows_together_are_more": lambda: wrap(("logsumexp",), truncated),
        "test_never_positive_and_in_the_order_of_the_scores": positive,
        "test_rows_of_a_vocabulary_sum_to_one": inaccurate,
        "test_the_bits_are_those_of_numpy": other_bits,
        "test_along_any_axis_and_strides": other_bits,
        "test_what_is_masked_has_a_gradient_of_0_and_changes_no_other": with_gradient,
        "test_what_is_impossible_has_a_gradient_of_0": with_gradient,
        "test_second_derivatives_do_not_leak_what_is_masked": with_gradient,
        "test_the_peak_is_within_the_budget": lambda: wrap(linear, lavish),
        "test_within_the_table_of_the_reference": lambda: wrap(linear, off_the_reference),
        "test_ignored_rows_do_not_exist_whatever_they_hold": lambda: wrap(
            linear, without_leaving_out
        ),
        "test_has_the_bits_of_the_reference": filters(one_less),
        "test_is_what_a_sort_keeps": filters(one_less),
        "test_masses_that_are_exact_end_where_they_reach_p": filters(one_less),
        "test_is_that_of_the_reference": draws(m.without("rows")),
        "test_a_draw_is_the_same_in_any_part_of_a_batch": draws(m.without("rows")),
        "test_neither_threads_nor_instruction_sets_change_a_draw": draws(by_threads),
        "test_shares_are_the_probabilities": draws(less_even),
        "test_a_class_of_probability_0_is_never_drawn": draws(everywhere),
    }
