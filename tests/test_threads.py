"""Threads change no bit; their number can be set; forks, other threads and the GIL are safe."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from kernel_calls import same_bits

import logitkit as lk
from logitkit import _core

FUNCTIONS = [lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy]


def scores(shape, dtype=np.float32):
    return (4 * np.random.default_rng(8).normal(size=shape)).astype(dtype)


def python(code, **environment):
    """Run code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


# ---- bits -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone():
    """Everything that the next test computes, by one thread."""
    with lk.num_threads(1):
        return compute()


def compute():
    results = []
    for dtype in (np.float32, np.float64, np.float16):
        for shape, axis in [
            ((70000, 7), -1),
            ((3, 200003), -1),
            ((101, 3001), 0),
            ((8, 9, 5000), 1),
        ]:
            if dtype == np.float16 and shape != (70000, 7):
                continue
            x = scores(shape, dtype)
            results += [function(x, axis=axis) for function in FUNCTIONS]
            keep = x < 3
            results.append(lk.softmax(x, axis=axis, mask=keep, temperature=0.7))
            results.append(lk.softmax_vjp(results[-1], x, axis=axis))
            filters = {"axis": axis, "temperature": 0.7, "top_p": 0.8}
            results.append(lk.filter_logits(x, **filters))
            results.append(lk.sample(x, seed=9, size=2, **filters))
    return results


def test_the_number_of_threads_changes_no_bit(threads, alone):
    got = compute()
    assert len(got) == len(alone) > 30
    assert all(same_bits(a, b) for a, b in zip(got, alone, strict=True))


def test_eight_python_threads_at_once(thread_settings):
    lk.set_num_threads(3)
    arrays = [scores((50 + i, 2000)) for i in range(8)]
    want = [[function(x) for function in FUNCTIONS] for x in arrays]
    start = threading.Barrier(8)

    def work(i):
        start.wait(20)
        return [
            same_bits(function(arrays[i]), value)
            for _ in range(20)
            for function, value in zip(FUNCTIONS, want[i], strict=True)
        ]

    with ThreadPoolExecutor(8) as pool:
        results = [one for result in pool.map(work, range(8)) for one in result]
    assert len(results) == 8 * 20 * 4
    assert all(results)


# ---- the number -------------------------------------------------------------------------------


def test_the_number_is_set_for_the_process(thread_settings):
    lk.set_num_threads(3)
    assert lk.get_num_threads() == 3
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lk.get_num_threads).result() == 3


def test_the_number_is_limited_for_a_block_and_a_thread(thread_settings):
    lk.set_num_threads(4)
    with lk.num_threads(2):
        assert lk.get_num_threads() == 2
        with lk.num_threads(1):
            assert lk.get_num_threads() == 1
        assert lk.get_num_threads() == 2
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lk.get_num_threads).result() == 4
    assert lk.get_num_threads() == 4


def test_a_block_that_raises_gives_the_number_back(thread_settings):
    lk.set_num_threads(4)
    with pytest.raises(KeyError), lk.num_threads(2):
        raise KeyError
    assert lk.get_num_threads() == 4


@pytest.mark.parametrize("bad", [0, -1, 1025, 2**70])
def test_a_number_out_of_range_is_refused(bad, thread_settings):
    before = lk.get_num_threads()
    for use in (lk.set_num_threads, lambda n: lk.num_threads(n).__enter__()):
        with pytest.raises(ValueError, match=rf"^n is {bad}; .*1 to 1024$"):
            use(bad)
    assert lk.get_num_threads() == before


@pytest.mark.parametrize("bad", [1.0, "2", None, [2]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(TypeError, match=r"^n is .*1 to 1024$"):
        lk.set_num_threads(bad)


def test_numpy_integers_are_numbers(thread_settings):
    lk.set_num_threads(np.int8(2))
    assert lk.get_num_threads() == 2


TELL = "import logitkit; print(logitkit.get_num_threads())"


def test_the_environment_sets_the_number():
    assert python(TELL, LOGITKIT_NUM_THREADS="5").stdout == "5\n"
    default = python(TELL, LOGITKIT_NUM_THREADS="").stdout
    assert 1 <= int(default) <= len(os.sched_getaffinity(0))


def test_the_default_follows_the_affinity_mask():
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{one}}}); {TELL}"
    assert python(code, LOGITKIT_NUM_THREADS="").stdout == "1\n"


@pytest.mark.parametrize("bad", ["0", "-2", "two", "1.5", "2 3", "1025", "99999999999999999999"])
def test_a_bad_number_in_the_environment_is_refused(bad):
    done = python(TELL, LOGITKIT_NUM_THREADS=bad)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0
    assert done.stdout == ""
    assert last.startswith("ImportError: ")
    assert "LOGITKIT_NUM_THREADS" in last
    assert repr(bad) in last
    assert "1 to 1024" in last


# ---- forks, other threads, the GIL ------------------------------------------------------------

FORK = """
import os, sys, threading, warnings
import numpy as np
import logitkit as lk
warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads: it is the point
lk.set_num_threads(3)
x = np.random.default_rng(0).normal(size=(200, 3000)).astype(np.float32)
want = lk.softmax(x)                               # the pool runs
stop = threading.Event()
def keep_busy():
    while not stop.is_set():
        lk.softmax(x)
other = threading.Thread(target=keep_busy)
if {busy}:
    other.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        ok = all(lk.softmax(x).tobytes() == want.tobytes() for _ in range(3))
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0 if lk.softmax(x).tobytes() == want.tobytes() else 1)
        ok &= os.waitpid(grandchild, 0)[1] == 0
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert lk.softmax(x).tobytes() == want.tobytes()
stop.set()
if {busy}:
    other.join()
print("right")
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle pool", "busy pool"])
def test_a_forked_child_computes_right_and_does_not_hang(busy):
    done = python(FORK.replace("{busy}", str(busy)))
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr


def progress_of_another_thread(x):
    """Count how often another Python thread runs during one call of the core."""
    out = np.empty_like(x)
    inside, stop, ticks = threading.Event(), threading.Event(), []

    def count():
        while not stop.is_set():
            if inside.is_set():
                ticks.append(1)
            time.sleep(0)

    # So long an interval that nothing but the call itself makes this thread yield.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    counter = threading.Thread(target=count)
    try:
        counter.start()
        inside.set()
        _core.apply(_core.SOFTMAX, x, out, 1 << (x.ndim - 1), 1.0)
        inside.clear()
        return len(ticks)
    finally:
        stop.set()
        counter.join()
        sys.setswitchinterval(interval)


def test_another_python_thread_makes_progress_during_a_large_call(thread_settings):
    lk.set_num_threads(1)
    assert progress_of_another_thread(scores((300, 20000))) > 0
    if lk.show_config(mode="dicts")["gil"]:
        # A short call keeps the GIL: taking it again would cost more than the call.
        assert progress_of_another_thread(scores(1000)) == 0


EXIT = """
import threading, numpy as np, logitkit as lk
lk.set_num_threads(3)
x = np.zeros((100, 500), np.float32)
def forever():
    while True:
        lk.softmax(x)
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
lk.softmax(x)
print("done")
"""


def test_the_interpreter_may_exit_while_threads_are_inside_a_call():
    for _ in range(10):  # where it goes wrong, it does so now and then
        done = python(EXIT)
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
