"""Calls of the compiled core with arguments that no public function makes: a script.

    python hostile_calls.py EXTENSION CALLS

loads the extension from its file, by itself, and calls `apply`, `cross_entropy`, `sample` and the
plain calls with seeded random buffers: views of any shape and step (0 to 64 dimensions, empty
ones, steps of 2^60 where nothing is stepped over), unaligned, read-only, of the wrong kind or
shape, overlapping. Each call returns or raises TypeError, ValueError or BufferError, and writes
nothing but its result. Run where a sanitizer watches.
"""

import array
import importlib.util
import math
import sys
from collections import Counter

import numpy as np
from numpy.lib.stride_tricks import as_strided

random = np.random.default_rng(2031)
ROOM = 1 << 15  # bytes of a buffer
CANARY = 0x5A


def load(extension):
    """Return the extension, by itself: the package around it stays out."""
    spec = importlib.util.spec_from_file_location("_core", extension)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chance(one_in):
    return random.integers(one_in) == 0


def shape_of_a_call():
    kind = random.integers(12)
    if kind == 0:  # many dimensions, few elements
        dims = int(random.integers(5, 65))
        return tuple(int(n) for n in np.where(random.random(dims) < 0.06, 2, 1))
    if kind == 1:
        sizes = [int(n) for n in random.choice([0, 0, 1, 3], random.integers(1, 5))]
        return (*sizes, 1 << 40) if 0 in sizes else tuple(sizes)
    if kind == 2:  # enough for threads and without the GIL, where a broadcast makes room
        return (int(random.integers(1, 300)), int(random.integers(1, 400)))
    most = [1000, 60, 12, 7, 4][dims] if (dims := int(random.integers(5))) else 1
    return tuple(int(n) for n in random.integers(1, most + 1, dims))


def view(memory, shape, dtype, broadcast):
    """Return a view of this shape that stays inside the memory; None if that fits nowhere."""
    dtype = np.dtype(dtype)
    strides, step = [0] * len(shape), dtype.itemsize * int(random.integers(1, 4))
    step += int(random.integers(8)) * chance(8)
    first = last = 0
    empty = 0 in shape
    if not empty and math.prod(shape) > ROOM * 4:
        return None
    for dim in random.permutation(len(shape)):
        if shape[dim] < 2 or empty:
            # Nothing is ever stepped over here.
            strides[dim] = int(random.choice([0, 4, -8, 3, 1 << 60, -(1 << 62), -(1 << 63)]))
        elif not (broadcast and (chance(3) or step * shape[dim] > ROOM // 2)):
            strides[dim] = -step if chance(4) else step
            reach = strides[dim] * (shape[dim] - 1)
            first, last = first + min(reach, 0), last + max(reach, 0)
            step *= shape[dim]
    span = last - first + dtype.itemsize
    if span > len(memory):
        return None
    offset = int(random.integers(len(memory) - span + 1))
    offset -= offset % dtype.itemsize if not chance(5) else 0
    base = memory[offset - first :] if not empty else memory
    one = np.ndarray((1,), dtype, base.data) if len(base) >= dtype.itemsize else None
    return None if one is None else as_strided(one, shape, strides)


def wrong_kind(right):
    """Return something else than this array."""
    return [
        None,
        np.zeros((2, 3), np.complex64),
        b"bytes are read-only",
        bytearray(12),
        array.array("f", [1, 2, 3]),
        memoryview(b"12345678").cast("d"),
        np.zeros((2, 3), ">f4"),
        np.zeros(3, [("a", "f4"), ("b", "f8")]),
        np.zeros(3, object),
        np.zeros((*right.shape[:1], 2)),
        right[..., None] if right.ndim < 64 else right,
        right[None, :0] if 0 < right.ndim < 64 else right,
    ][random.integers(12)]


def elements(memory, array_view):
    """Return which bytes of the memory belong to elements of a view of it."""
    mine = np.zeros(len(memory), bool)
    if array_view.size:
        start = array_view.__array_interface__["data"][0] - memory.ctypes.data
        byte = np.zeros(array_view.shape, np.int64) + start
        for dim, (size, step) in enumerate(zip(array_view.shape, array_view.strides, strict=True)):
            steps = np.arange(size) * step if size > 1 else np.zeros(size, np.int64)
            byte += steps.reshape([-1 if i == dim else 1 for i in range(array_view.ndim)])
        for i in range(array_view.itemsize):
            mine[byte + i] = True
    return mine


def one_call(core, memories):
    """Make a call; return how it ended."""
    shape = shape_of_a_call()
    dtype = random.choice(["f4", "f8"])
    op, dims = int(random.integers(5)), len(shape)
    reduced = random.random(dims) < 0.5
    axes = sum(1 << i for i in range(dims) if reduced[i]) | int(random.integers(2)) << 63
    per_row = tuple(1 if reduced[i] else n for i, n in enumerate(shape))
    reduces = op in (core.LOGSUMEXP, core.ENTROPY)
    # Sometimes the result lies in the memory of x, overlapping it or not.
    out_memory = memories["x" if chance(4) else "out"]
    x = view(memories["x"], shape, dtype, True)
    out = view(out_memory, per_row if reduces else shape, dtype, chance(20))
    options = {}
    if chance(2):
        options["mask"] = view(memories["mask"], shape, "?", True)
    if op == core.SOFTMAX_VJP or chance(9):
        options["g"] = view(memories["g"], shape, dtype, True)
    temperature = float(random.choice([1, 0.3, 0, np.inf, 1e-300, -1, np.nan]))
    if chance(3):
        temperature = view(memories["temperature"], per_row, "f8", True)
        if temperature is not None and 0 not in shape:
            full = [0 if reduced[i] else step for i, step in enumerate(temperature.strides)]
            temperature = as_strided(temperature, shape, full)
    if any(part is None for part in (x, out, temperature, *options.values())):
        return "does not fit"
    arguments = {"x": x, "out": out, "temperature": temperature, **options}
    if chance(6):
        name = random.choice(list(arguments))
        arguments[name] = wrong_kind(arguments[name] if name != "temperature" else x)
    if chance(30):
        out.flags.writeable = False
    if chance(4):
        arguments["exact"] = bool(random.integers(2))
        arguments |= {"empty": int(random.integers(-1, 4)), "regime": int(random.integers(-1, 5))}
    if chance(20):
        op, axes = int(random.choice([-1, 5, 1 << 31, op])), int(random.choice([-1, 0, axes]))
    before = out_memory.copy()
    plain = chance(5)
    try:
        if plain and "g" in arguments:
            done = core.vjp_plain(core.SOFTMAX_VJP, arguments["x"], arguments["g"]) is not None
        elif plain:
            done = core.map_plain(op % 2, arguments["x"], arguments["out"]) is not None
        else:
            done = (
                core.apply(op, arguments.pop("x"), arguments.pop("out"), axes, **arguments) is None
            )
    except (TypeError, ValueError, BufferError) as error:
        assert (before == out_memory).all(), f"written, then refused: {error}"
        return type(error).__name__
    assert (before == out_memory)[~elements(out_memory, out)].all(), "written outside the result"
    assert done or (before == out_memory).all(), "written though declined"
    return "done" if done else "declined"


def one_loss(core, memories):
    """Make a call of the cross-entropy; return how it ended."""
    shape = shape_of_a_call()
    dtype = random.choice(["f4", "f8"])
    at = int(random.integers(len(shape))) if shape else 0
    length = shape[at] if shape else 1
    axes = 1 << at if shape and not chance(20) else int(random.choice([-1, 0, 1]))
    per_row = tuple(1 if i == at else n for i, n in enumerate(shape))
    x = view(memories["x"], shape, dtype, True)
    losses = view(memories["losses"], per_row, "f8", chance(20))
    out_memory = memories["x" if chance(4) else "out"]
    out = None if chance(3) else view(out_memory, shape, dtype, chance(20))
    ids = g = mask = weight = None
    if chance(2) or math.prod(per_row) > ROOM // 8:
        g = view(memories["g"], shape, dtype, True)
    else:  # in the row, or ignored: the caller's promise
        ids = random.integers(-1, max(length, 0), per_row)
    if chance(2):
        mask = view(memories["mask"], shape, "?", True)
    if chance(2) and length < ROOM // 8:
        weight = np.abs(random.normal(size=length + chance(9)))
    if any(part is None for part in (x, losses)) or (ids is None and g is None):
        return "does not fit"
    arguments = {"x": x, "out": out, "losses": losses, "ids": ids, "g": g, "weight": weight}
    if chance(6):
        name = random.choice([name for name in arguments if name != "ids"])
        arguments[name] = wrong_kind(x)
        if arguments[name] is x:  # in place, where nothing else was made of it
            return "does not fit"
        if name == "x" and ids is not None:  # for another length they promise nothing
            arguments["ids"] = np.full_like(ids, -1)
    if chance(8):
        losses.flags.writeable = False
    numbers = [float(n) for n in random.choice([0, 0.1, 1, 1e300, np.nan], 3)]
    x, out_given, losses_given = (arguments.pop(name) for name in ("x", "out", "losses"))
    before = {name: memories[name].copy() for name in memories}
    ids, g, weight = (arguments[name] for name in ("ids", "g", "weight"))
    plain = chance(3)
    try:
        if plain:  # it looks at the classes itself
            size = shape[-1] if shape else 1
            targets = random.integers(-int(chance(9)), max(size, 1) + int(chance(9)), shape[:-1])
            plain_options = (bool(chance(2)), int(random.integers(3)))
            done = core.loss_plain(x, targets, out_given, *plain_options) is not None
        else:
            done = core.cross_entropy(
                x, out_given, losses_given, axes, ids, g, mask, weight, *numbers
            )
    except (TypeError, ValueError, BufferError) as error:
        same = all((before[name] == memories[name]).all() for name in memories)
        assert same, f"written, then refused: {error}"
        return type(error).__name__
    mine = {name: np.zeros(len(memory), bool) for name, memory in memories.items()}
    if not plain:
        mine["losses"] |= elements(memories["losses"], losses)
    if out is not None and done is not False:
        name = "x" if out_memory is memories["x"] else "out"
        mine[name] |= elements(out_memory, out)
    for name, memory in memories.items():
        assert (before[name] == memory)[~mine[name]].all(), f"written outside the result: {name}"
    return "declined" if done is False else "plain done" if plain else "done"


def one_sampling(core, memories):
    """Make a call of filter_logits or sample; return how it ended."""
    shape = shape_of_a_call()
    dtype, dims = random.choice(["f4", "f8"]), len(shape)
    reduced = np.arange(dims) >= dims - int(random.integers(3))
    axes = sum(1 << i for i in range(dims) if reduced[i])
    draws = chance(2)
    x = view(memories["x"], shape, dtype, True)
    if draws:
        picks = [int(random.integers(4)) if i == dims - 1 else 1 for i in range(dims)]
        wanted = tuple(k if r else n for n, r, k in zip(shape, reduced, picks, strict=True))
        out_memory, out = memories["out"], view(memories["out"], wanted, "i8", chance(20))
    else:
        out_memory = memories["x" if chance(4) else "out"]
        out = view(out_memory, shape, dtype, chance(20))
    mask = view(memories["mask"], shape, "?", True) if chance(2) else None
    if x is None or out is None:
        return "does not fit"
    if chance(12):
        x = wrong_kind(x)
    temperature = float(random.choice([1, 0.3, 0, np.inf, 1e-300, -1, np.nan]))
    filters = [int(n) for n in random.integers(4 + chance(9), size=random.integers(5 + chance(9)))]
    numbers = [
        int(random.choice([1, 2, 50, 1 << 40, -int(chance(2))])),
        *(float(n) for n in random.choice([0, 0.2, 0.9, 1, np.nan][: 4 + int(chance(4))], 2)),
        int(random.integers(1 << 62)),
    ]
    before = out_memory.copy()
    op = core.SAMPLE if draws else core.FILTER_LOGITS
    try:
        core.sample(op, x, out, axes, temperature, mask, filters, *numbers)
    except (TypeError, ValueError, BufferError) as error:
        assert (before == out_memory).all(), f"written, then refused: {error}"
        return type(error).__name__
    assert (before == out_memory)[~elements(out_memory, out)].all(), "written outside the result"
    return "done"


def main(core, calls):
    """Make the calls and say how they ended."""
    names = ("x", "out", "g", "mask", "temperature", "losses")
    ends = Counter()
    core.set_arrays(np.ndarray, np.empty_like)
    for call in range(calls):
        if call % 50 == 0:  # fresh ones, ending at an odd byte
            memories = {name: np.full(ROOM + call % 13, CANARY, np.uint8) for name in names}
            memories["x"][:8192] = random.normal(size=1024).view(np.uint8)
            memories["mask"][:] = random.integers(2, size=len(memories["mask"]))
            memories["temperature"][: ROOM // 2] = np.abs(random.normal(size=ROOM // 16)).view(
                np.uint8
            )
        core.set_thread_limit(call % 4)
        core.select_isa(core.available_isas()[call % 2 % len(core.available_isas())])
        kind = int(random.integers(8))
        if kind < 2:
            ends[f"loss {one_loss(core, memories)}"] += 1
        elif kind == 2:
            ends[f"sampling {one_sampling(core, memories)}"] += 1
        else:
            ends[one_call(core, memories)] += 1
    print(*(f"{name}: {count}" for name, count in sorted(ends.items())), sep="\n")


if __name__ == "__main__":
    main(load(sys.argv[1]), int(sys.argv[2]))
