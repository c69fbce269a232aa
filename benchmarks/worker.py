"""The worker process of `logitkit.bench`, with the providers of the repository."""

from logitkit.bench import worker

from . import providers as providers  # they make themselves known

if __name__ == "__main__":
    worker.main()
