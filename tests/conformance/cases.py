"""What a case of the table is, and how it is checked on one library of arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from kernel_calls import same_bits
from tolerances import assert_within

# In the words of a refusal: what the library calls its arrays.
ARRAY = "{array}"

# A function whose bound another one's row of the table of tolerances states.
BOUND_OF = {"softmax_jvp": "softmax_vjp", "nll_loss": "cross_entropy"}


@dataclass(frozen=True)
class Near:
    """The true values; the result lies within the table of tolerances, in that row of it."""

    values: Any
    row: str | None = None  # that of the function where None


@dataclass(frozen=True)
class Exactly:
    """The true values rounded to the dtype of the result, with the sign of zeros."""

    values: Any
    signed: bool = True


@dataclass(frozen=True)
class AsIn:
    """Bit for bit the part of the result that another call gives; the values are other cases'."""

    args: tuple
    options: Mapping[str, Any] = field(default_factory=dict)
    part: Any = ...
    of_other: Any = ...


@dataclass(frozen=True)
class Law:
    """The result has a property."""

    says: str
    holds: Callable[[np.ndarray], bool]


@dataclass(frozen=True)
class Refused:
    """The call raises; the message holds the words, and nothing is written."""

    error: type[Exception]
    words: tuple[str, ...]


@dataclass(frozen=True)
class AsIs:
    """An argument that no library of arrays makes: a list, a masked array, a foreign dtype."""

    value: Any


@dataclass(frozen=True)
class Out:
    """An `out`, made from x; `needs` is what not every library has."""

    make: Callable[[Any], Any]
    in_place: bool = False
    needs: str | None = None


@dataclass(frozen=True)
class Case:
    rule: str
    function: str
    args: tuple
    want: Near | Exactly | AsIn | Law | Refused
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    dtype: str | None = None  # of the result; that of the first argument where None

    @property
    def given(self):
        """The arguments that a library of arrays makes."""
        values = [*self.args, *self.options.values()]
        if isinstance(self.want, AsIn):
            values += [*self.want.args, *self.want.options.values()]
        return [v for v in values if isinstance(v, np.ndarray)]

    @property
    def name(self):
        dtype = self.args[0].dtype.name if isinstance(self.args[0], np.ndarray) else "as is"
        return f"{self.function}, {self.title}, {dtype}"


def applies(case, backend):
    """Whether the library has what the case is about."""
    given = case.given
    if case.function in backend.without:
        return False
    if any(a.dtype.name not in backend.dtypes for a in given):
        return False
    if not given and not backend.takes_as_is:
        return False
    wanted = case.options.get("dtype")
    if isinstance(wanted, np.dtype) and wanted.name not in backend.results:
        return False
    out = case.options.get("out")
    if out is None or not backend.has_out:
        return out is None
    return not isinstance(out, Out) or (
        (backend.in_place or not out.in_place) and out.needs not in backend.lacks
    )


def check(case, backend, find):
    """Raise AssertionError unless the function that `find` returns does what the case says."""
    function = find(case.function)
    args, options, memory = _arguments(case.args, case.options, backend)
    before = [np.array(backend.to_numpy(a)) for a in memory]
    out = options.get("out")
    written = [a for a in memory if out is not None and a is out]
    given = "out" in options and isinstance(case.options["out"], Out)
    out_before = np.array(backend.to_numpy(out)) if given else None
    refusal = result = None
    try:
        result = function(*args, **options)
    except Exception as error:
        refusal = error
    for array, old in zip(memory, before, strict=True):
        if refusal is not None or not any(array is a for a in written):
            assert same_bits(backend.to_numpy(array), old), f"{case.name}: an argument was changed"
    if isinstance(case.want, Refused):
        _check_refusal(case, backend, refusal)
        if out_before is not None:
            assert _equal(backend.to_numpy(out), out_before), f"{case.name}: out was written"
        return
    if refusal is not None:
        raise AssertionError(f"{case.name}: raised {refusal!r}") from refusal
    if "out" in options:
        assert result is out, f"{case.name}: out is not what is returned"
    other = None
    if isinstance(case.want, AsIn):
        args, options, _ = _arguments(case.want.args, case.want.options, backend)
        try:
            other = backend.to_numpy(function(*args, **options))
        except Exception as error:
            raise AssertionError(f"{case.name}: the other call raised {error!r}") from error
    _check_result(case, backend, backend.to_numpy(result), other)


def _arguments(args, options, backend):
    """Return the arguments as the library has them, and those that are its arrays."""
    made = []

    def give(value, make):
        if isinstance(value, AsIs):
            if isinstance(value.value, np.ndarray) and value.value.dtype == np.float64:
                made.append(value.value)
            return value.value
        if isinstance(value, np.ndarray):
            array = make(value)
            assert make is not backend.asarray or backend.holds(array), (
                f"{backend.name} did not make what it is named after"
            )
            made.append(array)
            return array
        return value

    first, *rest = args
    args = (give(first, backend.asarray), *(give(a, backend.other) for a in rest))
    options = {k: give(v, backend.option) for k, v in options.items()}
    if isinstance(options.get("out"), Out):
        out = options["out"].make(args[0])
        options["out"] = backend.of_memory(out) if isinstance(out, np.ndarray) else out
    return args, options, made


def _result_dtype(case, backend):
    """Return the name of the dtype that a case asks for; some libraries have one float for ints."""
    if case.function == "sample":  # its positions have a dtype of their own
        return "int64"
    given = case.args[0].dtype if isinstance(case.args[0], np.ndarray) else None
    if given is not None and given.kind in "biu" and "dtype" not in case.options:
        return backend.default_float or case.dtype
    return case.dtype or given.name


def _check_refusal(case, backend, refusal):
    want = case.want
    assert refusal is not None, f"{case.name}: was not refused"
    assert isinstance(refusal, want.error), f"{case.name}: {refusal!r} is no {want.error.__name__}"
    for word in want.words:
        word = word.replace(ARRAY, backend.called)
        assert word in str(refusal), f"{case.name}: {word!r} is not in {str(refusal)!r}"


def _check_result(case, backend, got, other):
    dtype = _result_dtype(case, backend)
    assert got.dtype.name == dtype, f"{case.name}: the dtype is {got.dtype}, not {dtype}"
    assert got.dtype.isnative, f"{case.name}: the result is byte-swapped"
    want = case.want
    if isinstance(want, AsIn):
        try:
            part, other_part = got[want.part], other[want.of_other]
        except IndexError:
            raise AssertionError(f"{case.name}: the shape is {got.shape}") from None
        assert same_bits(part, other_part), f"{case.name}: {part} is not {other_part}"
        return
    if isinstance(want, Law):
        assert want.holds(got), f"{case.name}: {got} is not {want.says}"
        return
    values = np.asarray(want.values, np.longdouble)
    assert got.shape == values.shape, f"{case.name}: the shape is {got.shape}, not {values.shape}"
    if isinstance(want, Exactly):
        rounded = values.astype(np.float64).astype(got.dtype)
        found = got if want.signed else got + got.dtype.type(0)
        assert _equal(found, rounded), f"{case.name}: {got} is not {rounded}"
    elif values.size:
        precision = case.options.get("precision", "default")
        function = want.row or BOUND_OF.get(case.function, case.function)
        try:
            assert_within(function, got, values, precision=precision, others=backend.bounds)
        except AssertionError as error:
            raise AssertionError(f"{case.name}: {error}") from None


def _equal(a, b):
    """Whether two arrays are equal with the sign of zeros; NaN is NaN."""
    if a.dtype.name == b.dtype.name and a.shape == b.shape:
        a, b = a.astype(np.float64), b.astype(np.float64)
        same = (a == b) & (np.signbit(a) == np.signbit(b))
        return bool(np.all(same | (np.isnan(a) & np.isnan(b))))
    return False
