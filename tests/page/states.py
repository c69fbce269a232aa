"""Random states of the page, and the links that hold them."""

from dataclasses import dataclass, field
from urllib.parse import quote

import ml_dtypes
import numpy as np

DTYPES = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
}


@dataclass
class State:
    """The settings of the page that the tests vary, with their defaults."""

    names: list[str] = field(default_factory=lambda: ["apple", "orange", "banana", "avocado"])
    logits: list[float] = field(default_factory=lambda: [1.5, 2.2, -0.3, 0.8])
    temperature: float = 1.0
    dtype: str = "float32"
    target: int = 1
    step: int = 0
    digits: int = 4
    shift: float = 0.0
    row: int = 1
    column: int = 1
    nudge: float = 0.5
    smoothing: float = 0.0
    bins: int = 15

    @property
    def scores(self):
        """The logits as the kernels get them."""
        with np.errstate(over="ignore"):
            return np.array(self.logits).astype(DTYPES[self.dtype])

    def link(self, panel=""):
        """Return the fragment of this state."""
        pairs = zip(self.names, self.logits, strict=True)
        classes = ",".join(f"{quote(name, safe='')}:{number(z)}" for name, z in pairs)
        keys = {
            "c": classes,
            "t": number(self.temperature),
            "d": self.dtype,
            "y": self.target,
            "s": self.step,
            "g": self.digits,
            "k": number(self.shift),
            "i": self.row,
            "j": self.column,
            "n": number(self.nudge),
            "e": number(self.smoothing),
            "b": self.bins,
            **({"p": panel} if panel else {}),
        }
        return "&".join(["v=1", *(f"{key}={value}" for key, value in keys.items())])


def number(value):
    """Write a number as the page does."""
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


ALPHABET = [*"abcxyz", "é", "猫", " ", ":", ",", "&", "=", "%", "#", "+", "'", '"', "<"]


def random_state(seed, dtype=None):
    """Return a state that is different for each seed, and the same for the same one."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 9))
    size = rng.choice([0.5, 3, 12, 60])
    logits = (rng.standard_normal(count) * size).tolist()
    if seed % 5 == 4:
        logits[0] = -np.inf
    temperature = [1.0, 0.0, np.inf, float(rng.uniform(0.05, 1)), float(rng.uniform(1, 50))]
    names = ["".join(rng.choice(ALPHABET, rng.integers(1, 9))) for _ in range(count)]
    return State(
        names=names,
        logits=logits,
        temperature=temperature[seed % 5],
        dtype=dtype or list(DTYPES)[seed % 4],
        target=int(rng.integers(1, count)),
        step=int(rng.integers(0, 6)),
        digits=int(rng.integers(2, 18)),
        shift=float(rng.choice([0, 10, 85, 700, -3.5])),
        row=int(rng.integers(0, count)),
        column=int(rng.integers(1, count)),
        nudge=float(rng.choice([0.05, 0.5, -2.25])),
        smoothing=float(rng.choice([0, 0.1, 0.37])),
        bins=int(rng.integers(2, 51)),
    )
