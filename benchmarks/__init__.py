"""logitkit beside the other libraries: how exact, how fast. Run as `python -m benchmarks`."""
