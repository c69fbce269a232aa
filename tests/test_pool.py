"""The pool's threads as the operating system sees them, and what may go wrong with them."""

import os
import shutil
import subprocess
import sys

import pytest

PRELUDE = """
import ctypes, os, resource, signal, sys, threading, time
import numpy as np
import logitkit as lk
from logitkit import _core
x = (4 * np.random.default_rng(3).normal(size=(60, 5000))).astype(np.float32)
with lk.num_threads(1):
    want = lk.softmax(x).tobytes()
def right():
    return lk.softmax(x).tobytes() == want
def threads():
    return {int(name) for name in os.listdir("/proc/self/task")}
def started_by(call):
    before = threads()
    call()
    return threads() - before
def becomes(state, value, seconds=20):
    end = time.monotonic() + seconds
    while (found := state()) != value and time.monotonic() < end:
        time.sleep(0.005)
    return found
lk.set_num_threads(4)
"""


def python(code, **environment):
    """Run code in a fresh interpreter, NumPy's own threads left out."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "LOGITKIT_NUM_THREADS": ""} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def holds(code, **environment):
    """Run code that prints "holds" where the law does."""
    done = python(code, **environment)
    assert (done.returncode, done.stdout) == (0, "holds\n"), done.stdout + done.stderr


# ---- when threads are woken ----------------------------------------------------------------------

WOKEN = """
small = x[:40]  # fewer scores than waking a thread is worth
def one():
    time.sleep(0.01)
    lk.softmax(small)
assert started_by(lambda: [one() for _ in range(5)]) == set()
assert len(started_by(lambda: [lk.softmax(small) for _ in range(50)])) == 3
print("holds")
"""


def test_a_small_call_wakes_threads_only_where_another_has_just_ended():
    holds(WOKEN)


# ---- what a worker inherits ---------------------------------------------------------------------

SIGNALS = """
workers = started_by(right)
assert len(workers) == 3
def blocked(thread):
    with open(f"/proc/self/task/{thread}/status") as status:
        mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk:"))
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}
everything = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
assert all(blocked(thread) >= everything for thread in workers)
assert not blocked(threading.get_native_id())  # the caller's mask is as before
print("holds")
"""


def test_a_worker_blocks_all_signals_and_its_caller_none():
    holds(SIGNALS)


CPUS = """
mine = os.sched_getaffinity(0)
found = set()
def pinned():
    os.sched_setaffinity(0, {min(mine)})  # this thread alone
    found.update(started_by(right))
caller = threading.Thread(target=pinned)
caller.start()
caller.join()
assert len(found) == 3
for worker in found:
    assert becomes(lambda: os.sched_getaffinity(worker), mine) == mine
assert right()
print("holds")
"""


def test_a_worker_has_the_cpus_of_the_process_not_of_the_thread_that_started_it():
    holds(CPUS)


# ---- what the operating system may refuse -------------------------------------------------------

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>

int threads_allowed = -1; /* as many as one likes */
int affinity_refused = 0;
int refusals = 0;

int pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*run)(void *), void *with) {
    if (threads_allowed == 0) { __atomic_add_fetch(&refusals, 1, __ATOMIC_SEQ_CST); return EAGAIN; }
    if (threads_allowed > 0) --threads_allowed;
    return ((int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
            dlsym(RTLD_NEXT, "pthread_create"))(id, how, run, with);
}
int sched_setaffinity(pid_t id, size_t size, const cpu_set_t *set) {
    if (affinity_refused) {
        __atomic_add_fetch(&refusals, 1, __ATOMIC_SEQ_CST);
        errno = EPERM;
        return -1;
    }
    return ((int (*)(pid_t, size_t, const cpu_set_t *))
            dlsym(RTLD_NEXT, "sched_setaffinity"))(id, size, set);
}
int sched_getaffinity(pid_t id, size_t size, cpu_set_t *set) {
    if (affinity_refused > 1) {
        __atomic_add_fetch(&refusals, 1, __ATOMIC_SEQ_CST);
        errno = EPERM;
        return -1;
    }
    return ((int (*)(pid_t, size_t, cpu_set_t *))
            dlsym(RTLD_NEXT, "sched_getaffinity"))(id, size, set);
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """A library that stands before the C library and refuses what it is told to."""
    directory = tmp_path_factory.mktemp("shim")
    (directory / "shim.c").write_text(SHIM)
    compiler = next(name for name in ("cc", "gcc", "clang") if shutil.which(name))
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"], cwd=directory, check=True
    )
    return str(directory / "shim.so")


NO_THREADS = """
shim = ctypes.CDLL(None)
def number(name):
    return ctypes.c_int.in_dll(shim, name)
number("threads_allowed").value = 0
assert started_by(lambda: [right() for _ in range(3)]) == set()
assert number("refusals").value >= 3 and right()
number("threads_allowed").value = 1
assert len(started_by(right)) == 1 and right()
number("threads_allowed").value = -1
assert len(started_by(right)) == 2 and right()
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
print("holds")
"""


def test_a_pool_that_gets_no_threads_does_the_work_alone_and_grows_when_it_gets_them(shim):
    holds(NO_THREADS, LD_PRELOAD=shim)


NO_AFFINITY = """
shim = ctypes.CDLL(None)
ctypes.c_int.in_dll(shim, "affinity_refused").value = {refused}
one = min(os.sched_getaffinity(0)) if {refused} == 1 else 0
assert len(started_by(right)) == 3
assert all(right() for _ in range(100))
assert becomes(lambda: ctypes.c_int.in_dll(shim, "refusals").value >= 3, True)
print("holds")
"""


@pytest.mark.parametrize("refused", [1, 2], ids=["setting", "setting and reading"])
def test_a_worker_that_may_not_choose_its_cpu_works_where_it_is(shim, refused):
    holds(NO_AFFINITY.replace("{refused}", str(refused)), LD_PRELOAD=shim)


NO_MEMORY = """
wide = np.zeros((4, 2**19 - 64, 2))[:, :, 0]
out = np.zeros((4, 2**19 - 64, 2))[:, :, 0]
lk.set_num_threads({count})
right()
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used, -1))
for _ in range(3):
    try:
        lk.softmax(wide, out=out)
        sys.exit("there is memory after all")
    except MemoryError:
        pass
assert not out.any()
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert right()
assert (lk.softmax(wide, out=out) == 1 / (2**19 - 64)).all()
print("holds")
"""


@pytest.mark.parametrize("count", [1, 3])
def test_no_memory_for_scratch_is_a_memory_error_and_nothing_else(count):
    holds(NO_MEMORY.replace("{count}", str(count)))


# ---- a fork in the middle of a first call -------------------------------------------------------

FIRST_CALL = """
def exit_status(work):
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that hangs is ended, and its status tells
        os._exit(0 if work() else 1)
    return os.waitpid(child, 0)[1]
def fork_in_a_first_call(delay):
    lk.set_num_threads(4)
    other = threading.Thread(target=right)
    other.start()
    end = time.perf_counter() + delay
    while time.perf_counter() < end:
        pass
    first = exit_status(lambda: right() and exit_status(right) == 0)
    other.join()
    return first == 0 and right()
# This process has started no pool: each of its children makes a first call.
assert len(threads()) == 1
assert all(exit_status(lambda: fork_in_a_first_call(20e-6 * i)) == 0 for i in range(60))
print("holds")
"""


def test_a_fork_in_the_middle_of_a_first_call_leaves_the_child_able_to_compute():
    holds(FIRST_CALL)
