"""What mistakes do to a function: wrappers that take it, its arguments and its options."""

import ml_dtypes
import numpy as np

INF, NAN = np.inf, np.nan


def options_as(change):
    """Return a wrapper that changes the options."""

    def call(f, *args, **options):
        return f(*args, **change(dict(options)))

    return call


def without(name):
    """Return a wrapper that forgets an option."""
    return options_as(lambda o: {k: v for k, v in o.items() if k != name})


def on_x(change):
    """Return a wrapper that changes the first argument."""

    def call(f, x, *args, **options):
        return f(change(np.asarray(x)), *args, **options)

    return call


def on_result(change):
    """Return a wrapper that changes what is returned or written: `change(result, x, options)`."""

    def call(f, x, *args, **options):
        got = f(x, *args, **options)
        whole = np.array(got)
        with np.errstate(all="ignore"):
            changed = np.asarray(change(whole, np.asarray(x), options)).astype(whole.dtype)
        if options.get("out") is not None:
            options["out"][...] = changed
            return options["out"]
        return changed if changed.ndim else changed[()]

    return call


def accepting(change):
    """Return a wrapper that puts something else in the place of what is refused."""

    def call(f, *args, **options):
        try:
            return f(*args, **options)
        except (TypeError, ValueError):
            args, options = change(args, options)
            return f(*args, **options)

    return call


def saying(text, kinds=(TypeError, ValueError)):
    """Return a wrapper that refuses with another message."""

    def call(f, *args, **options):
        try:
            return f(*args, **options)
        except kinds as error:
            raise type(error)(text) from error

    return call


def raising(kind, kinds=(TypeError, ValueError)):
    """Return a wrapper that refuses with another exception."""

    def call(f, *args, **options):
        try:
            return f(*args, **options)
        except kinds as error:
            raise kind(str(error)) from error

    return call


# ---- the mistakes that need more than a line --------------------------------------------------


def first_of_a_tuple(options):
    axis = options.get("axis")
    return options | {"axis": axis[0]} if isinstance(axis, tuple) and axis else options


def rounded_short(got):
    return got.astype(ml_dtypes.float8_e5m2) if got.dtype.itemsize == 2 else got


def short_products(f, p, g, **options):
    """Do the sum term by term in the dtype of p."""
    terms = np.asarray(p) * np.asarray(g)
    total = np.add.accumulate(terms, axis=-1)[..., -1:]
    return np.asarray(p) * (np.asarray(g) - total)


def unsigned_difference(x):
    return x - x.max(axis=-1, keepdims=True) if x.dtype.kind in "iu" and x.size else x


def rows(flags, got, options):
    """Return which results belong to the rows of whose elements one is flagged."""
    axis = options.get("axis", -1)
    found = flags.any(axis=axis, keepdims=got.ndim == flags.ndim)
    return np.broadcast_to(found, got.shape) if found.shape != got.shape else found


def bad_as_zero(is_bad):
    """Return a mistake that treats bad rows as `empty` does."""

    def change(got, x, options):
        return np.where(rows(is_bad(x), got, options), 0, got)

    return on_result(change)


def masked_as(value):
    """Return a mistake that gives masked slots another value."""

    def change(got, x, options):
        mask = options.get("mask")
        return got if mask is None else np.where(np.broadcast_to(mask, got.shape), got, value)

    return on_result(change)


def masked_scores(value):
    """Return a mistake that lets masked slots take part as a score."""

    def call(f, x, *args, **options):
        mask = options.pop("mask", None)
        if mask is not None and np.shape(x):
            with np.errstate(invalid="ignore", over="ignore"):
                x = np.where(mask, np.ma.getdata(x), value).astype(np.asarray(x).dtype)
        return f(x, *args, **options)

    return call


def anchored(x):
    """Subtract the largest of all finite scores, masked ones too."""
    finite = x[np.isfinite(x)]
    return x - finite.max() if finite.size and x.dtype.kind == "f" else x


def last_maximum(f, x, **options):
    if np.ndim(x) == 0 or np.any(np.asarray(options.get("temperature", 1)) != 0):
        return f(x, **options)
    mask = options.get("mask")
    options = options if mask is None else options | {"mask": np.asarray(mask)[..., ::-1]}
    return f(np.asarray(x)[..., ::-1], **options)[..., ::-1]


def last_first(f, x, **options):
    """Take the last of equal scores for the first."""
    return f(np.asarray(x)[..., ::-1], **options)[..., ::-1]


def every_tie(f, x, **options):
    """Keep all that are as large as the last that top_k keeps."""
    left = f(x, **options)
    least = np.where(left > -INF, left, INF).min(axis=-1, initial=INF, keepdims=True)
    return np.where(x >= least, x, -INF).astype(left.dtype)


def overwritten(f, x, *args, **options):
    got = f(x, *args, **options)
    if isinstance(x, np.ndarray) and x.size and options.get("out") is None:
        x[...] = 0
    return got


def written_before_checks(f, *args, **options):
    out = options.get("out")
    if isinstance(out, np.ndarray) and out.flags.writeable:
        out[...] = 0
    return f(*args, **options)


def naive(f, x, **options):
    """Scale before the maximum is subtracted."""
    t = options.pop("temperature", 1.0)
    with np.errstate(all="ignore"):
        return f((np.asarray(x) / t).astype(np.asarray(x).dtype), **options)


def by_batch(got, x, options):
    """Let a result depend on how many rows there are, by one bit."""
    if got.ndim and got.shape[0] == 9 and got.dtype.kind == "f":
        return np.nextafter(got, got.dtype.type(1))
    return got


def memory_order(f, x, *args, **options):
    """Read the memory from its start, whatever the strides."""
    if isinstance(x, np.ndarray) and x.ndim > 1 and 0 in x.strides:
        x = np.resize(x.base if x.base is not None else x, x.shape)
    return f(x, *args, **options)


def zeros(args, options):
    return tuple(np.zeros(np.shape(a)) for a in args), options


def defaults(args, options):
    return args, {}


def on_targets(change):
    """Return a wrapper that changes classes: `change(targets, number of classes, options)`."""

    def call(f, x, targets, **options):
        if np.asarray(targets).dtype.kind in "iu":
            targets = change(np.asarray(targets), max(np.shape(x)[-1], 1), options)
        return f(x, targets, **options)

    return call


def within(targets, classes, options):
    """Take the last class for one that there is not."""
    out = (targets < 0) | (targets >= classes)
    if options.get("ignore_index") is not None:
        out &= targets != options["ignore_index"]
    return np.where(out, classes - 1, targets)


def counted(targets, classes, options):
    """Let rows that are to be left out count as those of the first class."""
    ignore = options.get("ignore_index")
    return targets if ignore is None else np.where(targets == ignore, 0, targets)


def long_losses_as(value):
    """Return a mistake that gives an infinite loss another value."""
    return on_result(lambda got, x, o: np.where(np.isposinf(got), value, got))


def with_grad(of_loss=lambda loss: loss, of_grad=lambda grad: grad):
    """Return a wrapper that changes a loss, or the gradient beside it, wherever that goes."""

    def call(f, *args, **options):
        got = f(*args, **options)
        loss, grad = got if isinstance(got, tuple) else (got, None)
        with np.errstate(all="ignore"):
            loss = np.asarray(of_loss(np.asarray(loss))).astype(loss.dtype)[()]
        if grad is None:
            return loss
        changed = np.asarray(of_grad(np.asarray(grad))).astype(grad.dtype)
        if options.get("out") is None:
            return loss, changed[()]
        options["out"][...] = changed
        return loss, options["out"]

    return call


def less_likely(f, x, targets, **options):
    """Let probabilities count for less than they are."""
    soft = np.asarray(targets).dtype.kind == "f"
    return f(x, (targets * 0.9).astype(targets.dtype) if soft else targets, **options)
