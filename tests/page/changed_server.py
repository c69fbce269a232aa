"""The lab's server with something changed: run by the tests as a program of its own.

``--mark`` replaces the kernel of softmax by one that returns numbers which no softmax gives;
``--delay MS`` lets every answer wait up to so many milliseconds, by a seeded generator.
"""

import argparse
import asyncio
import random

import numpy as np

import logitkit
from logitkit.lab.app import create_app
from logitkit.lab.server import bind, serve

# No power of two: so they are not met by chance.
MARK = 0.123456789
STEP = 1e-5


def marked(scores, **options):
    """Return 0.123456789, 0.123466789, …, whatever the scores are."""
    scores = np.asarray(scores)
    row = MARK + STEP * np.arange(scores.shape[-1])
    return np.broadcast_to(row, scores.shape).astype(scores.dtype)


def delayed(app, most, seed):
    """Return the application with a random wait before each answer of /compute."""
    rng = random.Random(seed)

    async def late(scope, receive, send):
        if scope["type"] == "http" and scope["path"].endswith("/compute"):
            await asyncio.sleep(rng.uniform(0, most) / 1000)
        await app(scope, receive, send)

    return late


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mark", action="store_true")
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.mark:
        logitkit.softmax = marked
    app = delayed(create_app(), chosen.delay, chosen.seed)
    listener = bind(0)
    port = listener.getsockname()[1]
    serve(app, listener, lambda: print(f"http://127.0.0.1:{port}/", flush=True))


if __name__ == "__main__":
    main()
