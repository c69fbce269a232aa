"""A library of arrays, as the verbs see it: its dtypes, its arrays, and who computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logitkit.backends import _arguments as arguments
from logitkit.backends import _formulas as formulas
from logitkit.backends._generic.linear_parts import Problem, by_parts
from logitkit.backends._generic.sums import TreeSums

Array = Any

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_SHORT = ("bool", "int8", "uint8", "int16", "uint16")
_WIDE = ("int32", "uint32", "int64", "uint64")


class Host:
    """A library whose arrays the formulas compute on; `xp` is its namespace of the standard."""

    def __init__(self, xp: Any, library: str) -> None:
        self.xp, self.owner = xp, library
        self.sums = TreeSums(xp)
        self._dtypes = {n: getattr(xp, n) for n in (*_FLOATS, *_SHORT, *_WIDE) if hasattr(xp, n)}

    # ---- arrays ---------------------------------------------------------------------------------

    def owns(self, value: Any) -> bool:
        """Whether value is an array of the library."""
        return hasattr(value, "__array_namespace__") and not isinstance(
            value, np.ndarray | np.generic
        )

    def asarray(self, value: Any, name: str, like: Array | None = None) -> Array:
        """Return value as an array of the library, beside another one; refuse what is none."""
        if self.owns(value):
            return value
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"{name} is a masked array; accepted are arrays of {self.owner}")
        host_array, _ = arguments.as_array(value, name)
        if host_array.dtype.name not in self._dtypes:  # float64 and int64 can always be narrowed
            raise TypeError(
                f"{name} has the dtype {host_array.dtype}; accepted are {', '.join(self._dtypes)}"
            )
        return self.from_numpy(host_array, like)

    def from_numpy(self, a: np.ndarray[Any, Any], like: Array | None) -> Array:
        """Return a copy of a NumPy array in the library, on the device of another array."""
        if a.dtype == np.float64 and not self.has("float64"):
            a = a.astype(np.float32)
        return self.xp.asarray(a, device=None if like is None else like.device)

    def is_known(self, array: Array) -> bool:
        """Whether the values can be looked at; where a program is only being traced they cannot."""
        return True

    # ---- dtypes ---------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the library has the dtype of that name."""
        return name in self._dtypes

    def name_of(self, dtype: Any) -> str:
        """Return NumPy's name of a dtype of the library, or what the library calls it."""
        names = [name for name, known in self._dtypes.items() if dtype == known]
        return names[0] if names else str(dtype)

    def dtype(self, name: str) -> Any:
        """Return the library's dtype of that name."""
        return self._dtypes[name]

    def default_float(self, name: str) -> str:
        """Return what bool and integers become: float64 from 32 bit on, where there is one."""
        return "float32" if name in _SHORT or not self.has("float64") else "float64"

    def result_names(self, dtype: Any, wanted: Any = None, name: str = "x") -> tuple[str, str]:
        """Return the names of the dtypes of the result and of the computation."""
        given = self.name_of(dtype)
        floats = [n for n in _FLOATS if self.has(n)]
        if not self.has(given):
            raise TypeError(
                f"{name} has the dtype {given}; accepted are bool, integers, {', '.join(_FLOATS)}"
            )
        result = given if given in _FLOATS else self.default_float(given)
        if wanted is None:
            return result, result
        asked = self._wanted(wanted)
        if asked not in floats:
            has = "" if len(floats) == 4 else f", of which {self.owner} has {', '.join(floats)}"
            raise TypeError(
                f"dtype is {asked or repr(wanted)}; accepted are {', '.join(_FLOATS)}{has}"
            )
        if asked == result:
            return asked, asked
        return asked, "float64" if "float64" in (result, asked) else "float32"

    def _wanted(self, wanted: Any) -> str:
        for name, known in self._dtypes.items():
            if wanted is known:
                return name
        try:
            return str(np.dtype(wanted).name)
        except Exception:  # NumPy raises many kinds, deprecations among them
            return ""

    def common(self, one: str, other: str) -> str:
        """Return the dtype that is computed in for two arrays; unequal halves meet in float32."""
        if one == other:
            return one
        return "float64" if "float64" in (one, other) else "float32"

    def cast(self, array: Array, name: str) -> Array:
        """Return the array in the dtype of that name."""
        return self.xp.astype(array, self._dtypes[name], copy=False)

    def shaped(self, array: Array, shape: tuple[int, ...]) -> Array:
        """Return the array in a shape."""
        return array if tuple(array.shape) == shape else self.xp.reshape(array, shape)

    # ---- the computation ------------------------------------------------------------------------

    def call(
        self, name: str, *arrays: Array, t: Any = None, keep: Any = None, **choices: Any
    ) -> Any:
        """Run the formula of that name on floats of one dtype; the results are of that dtype too.

        Computed in float64, where there is one: exponentials differ from library to library.
        """
        given = self.name_of(arrays[0].dtype)
        wide = "float64" if self.has("float64") else "float32"
        operands = [self.cast(a, wide) for a in arrays]
        if not (t is None or isinstance(t, float)):
            t = self.cast(t, wide)
        if t is not None:
            choices["t"] = t
        choices.pop("exact", None)
        with np.errstate(all="ignore"):  # some libraries are NumPy inside
            result = self.formula(name, *operands, keep=keep, **choices)
            return self.cast(result, given)

    def cross_entropy(
        self,
        x: Array,
        targets: Array,
        axis: int,
        options: Any,
        weight: Array | None,
        keep: Array | None,
        gradient: bool,
        result: str,
    ) -> tuple[Array, Array | None]:
        """Return the loss in the dtype of `result`, and the gradient in that of x, or None."""
        wide = "float64" if self.has("float64") else "float32"
        soft = self.name_of(targets.dtype) in _FLOATS
        with np.errstate(all="ignore"):
            loss, grad = formulas.cross_entropy_with_grad(
                self.sums,
                self.cast(x, wide),
                self.cast(targets, wide) if soft else targets,
                axis,
                weight=None if weight is None else self.cast(weight, wide),
                keep=keep,
                **loss_options(options),
            )
            return self.cast(loss, result), self.cast(grad, self.name_of(x.dtype))

    def nll_loss(
        self,
        log_p: Array,
        ids: Array,
        axis: int,
        options: Any,
        weight: Array | None,
        keep: Array | None,
        result: str,
    ) -> Array:
        """Return the loss of given log-probabilities in the dtype of `result`."""
        wide = "float64" if self.has("float64") else "float32"
        chosen = loss_options(options)
        del chosen["label_smoothing"], chosen["z_loss"]
        with np.errstate(all="ignore"):
            loss = formulas.nll_loss(
                self.sums,
                self.cast(log_p, wide),
                ids,
                axis,
                weight=None if weight is None else self.cast(weight, wide),
                keep=keep,
                **chosen,
            )
            return self.cast(loss, result)

    def linear_cross_entropy(
        self, problem: Problem, options: Any, gradient: bool, result: str
    ) -> tuple[Array, dict[str, Array] | None]:
        """Return the loss in the dtype of `result`, and the gradients by name, or None."""
        with np.errstate(all="ignore"):
            return by_parts(self, problem, loss_options(options), gradient, result)

    def each(self, formula: Any, x: Array, *parameters: float) -> Array:
        """Run a formula of one element."""
        wide = "float64" if self.has("float64") else "float32"
        with np.errstate(all="ignore"):
            result = formula(self.xp, self.cast(x, wide), *parameters)
            return self.cast(result, self.name_of(x.dtype))

    def top_k(self, x: Array, k: int, axis: int) -> tuple[Array, Array]:
        """Return the k largest elements and their indices."""
        return formulas.top_k(self.xp, x, k, axis)

    def formula(self, name: str, *arrays: Array, keep: Any, **choices: Any) -> Any:
        """Call a formula, with the mask where it takes one."""
        if name not in ("softmax_vjp", "log_softmax_vjp", "softmax_jacobian"):
            choices["keep"] = keep
        return getattr(formulas, name)(self.sums, *arrays, **choices)

    def guard(self, result: Array, good: Array | None) -> Array:
        """Return the result with NaN where an argument was found bad when it was too late."""
        return result if good is None else self.xp.where(good, result, math.nan)


def loss_options(options: Any) -> dict[str, Any]:
    """Return the options of `logitkit.cross_entropy`, but for the weights, for the formula."""
    ignore = options.ignore_index
    by = options.normalizer
    return {
        "ignore_index": None if ignore is None else int(ignore),
        "label_smoothing": float(options.label_smoothing),
        "z_loss": float(options.z_loss),
        "reduction": options.reduction,
        "normalizer": by if isinstance(by, str) else float(by),
        "empty": options.empty,
    }
