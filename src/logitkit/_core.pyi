"""
The compiled core of logitkit: kernels, dispatch and threads. Not a public interface.
"""

from collections.abc import Sequence

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

CROSS_ENTROPY: int = 11

FILTER_LOGITS: int = 12

SAMPLE: int = 13

def apply(
    op: int,
    x: object,
    out: object,
    axes: int,
    temperature: object,
    mask: object | None = None,
    g: object | None = None,
    empty: int = 0,
    exact: bool = False,
    regime: int = 0,
    ids: object | None = None,
    compute: str = "",
    x_stored: str = "",
    g_stored: str = "",
    out_stored: str = "",
) -> None:
    """
    Run one operation along the dimensions whose bits are set in `axes`, into `out`.
    """

def cross_entropy(
    x: object,
    out: object | None,
    losses: object,
    axes: int,
    ids: object | None,
    g: object | None,
    mask: object | None,
    weight: object | None,
    smoothing: float,
    z_loss: float,
    scale: float,
    compute: str = "",
    x_stored: str = "",
    g_stored: str = "",
    out_stored: str = "",
) -> None:
    """
    The loss of each row into `losses`, and where `out` is given `scale` times its gradient into that.
    """

def sample(
    op: int,
    x: object,
    out: object,
    axes: int,
    temperature: object,
    mask: object | None,
    filters: Sequence[int],
    k: int,
    p: float,
    min_p: float,
    seed: int,
    compute: str = "",
    x_stored: str = "",
    out_stored: str = "",
) -> None:
    """
    What the filters leave of each row into `out`; or draws from it, where the number of the row stands.
    """

def total(values: object) -> float:
    """The sum of doubles, to the last bits."""

def set_arrays(type: object, make: object) -> None:
    """
    Tell the plain calls the type of arrays, and what makes an uninitialised one like another.
    """

def map_plain(op: int, x: object | None, out: object | None) -> object:
    """
    softmax or log_softmax along the last axis, all options but `out` at their defaults; None, and nothing done, where x or `out` must be looked at more closely.
    """

def vjp_plain(op: int, p: object | None, g: object | None, out: object | None = None) -> object:
    """
    softmax_vjp or log_softmax_vjp along the last axis at temperature 1; None, and nothing done, where p, g or out must be looked at more closely.
    """

def loss_plain(
    x: object | None, targets: object | None, out: object | None, gradient: bool, reduction: int
) -> object:
    """
    cross_entropy along the last axis, all options but `out` and reduction (0 none, 1 mean, 2 sum) at their defaults, and the gradient where it is asked for; None, and nothing done, where the arguments must be looked at more closely.
    """

def xla_handler() -> object:
    """
    What XLA calls in compiled programs of JAX, as jax.ffi.register_ffi_target takes it.
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
