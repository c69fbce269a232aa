"""JAX on several devices: rows spread over two CPUs, in a process of its own."""

import os
import subprocess
import sys

CODE = """
import jax, jax.numpy as jnp, numpy as np
import logitkit as lk
from functools import partial
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

assert len(jax.devices()) == 2
x = np.random.default_rng(0).normal(size=(2, 3, 40)).astype(np.float32)
g = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
same = lambda a, b: np.array_equal(np.asarray(a), np.asarray(b))
gradient = lambda x, g: jax.vjp(lk.softmax, x)[1](g)[0]
want = lk.softmax_vjp(lk.softmax(x), g)

assert same(jax.pmap(lk.softmax)(x), lk.softmax(x))
assert same(jax.pmap(gradient)(x, g), want)

mesh = Mesh(np.array(jax.devices()), ("rows",))
for spec in (P("rows"), P(None, None, "rows"), P()):
    spread = jax.device_put(x, NamedSharding(mesh, spec))
    for f in (lk.softmax, lk.logsumexp, partial(lk.log_softmax, axis=0)):
        assert same(jax.jit(f)(spread), f(x)), (spec, f)
    assert same(jax.jit(gradient)(spread, g), want)

inside = jax.shard_map(lk.softmax, mesh=mesh, in_specs=P("rows"), out_specs=P("rows"))
assert same(jax.jit(inside)(x), lk.softmax(x))
inside = jax.shard_map(gradient, mesh=mesh, in_specs=P("rows"), out_specs=P("rows"))
assert same(jax.jit(inside)(x, g), want)
print("done")
"""


def test_two_devices():
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
