"""
The compiled core of logitkit: kernels, dispatch and threads. Not a public interface.
"""

SOFTMAX: int = 0

LOG_SOFTMAX: int = 1

LOGSUMEXP: int = 2

ENTROPY: int = 3

SOFTMAX_VJP: int = 4

LOG_SOFTMAX_VJP: int = 5

LOGSUMEXP_VJP: int = 6

ENTROPY_VJP: int = 7

KL_DIVERGENCE: int = 8

GATHER_LOGPROBS: int = 9

TOP_K: int = 10

def apply(
    op: int,
    x: object,
    out: object,
    axes: int,
    temperature: object,
    checked: bool = True,
    mask: object | None = None,
    g: object | None = None,
    empty: int = 0,
    exact: bool = False,
    regime: int = 0,
    ids: object | None = None,
) -> bool:
    """
    Run one operation along the dimensions whose bits are set in `axes`, into `out`. Unless `checked`, do nothing and return False where `out` may overlap x.
    """

def available_isas() -> list[str]:
    """The instruction sets that this machine can run, best first."""

def isa() -> str:
    """The instruction set in use."""

def select_isa(name: str) -> None:
    """Use one of the available instruction sets from now on."""

def cache_bytes(level: int) -> int:
    """Bytes of the data cache of a level, 0 where unknown."""

def available_cpus() -> int:
    """CPUs that the affinity mask and the cgroup leave to this process."""

def quota_cpus(mount: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> int:
    """CPUs that the control groups leave to this process, 0 without a limit."""

def thread_count() -> int:
    """Threads that a call from this thread may use."""

def set_thread_count(count: int) -> None:
    """Set the number of threads for the process."""

def thread_limit() -> int:
    """The limit of the calling thread, 0 if it has none."""

def set_thread_limit(limit: int) -> None:
    """Limit the calling thread alone; 0 lifts the limit."""
