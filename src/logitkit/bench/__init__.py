"""logitkit beside the libraries that are installed: the engine of `logitkit bench`.

`cells` says what is timed and on which numbers, `operations` what each result must be, `providers`
how each library is called, `timing` how calls are timed, `worker` and `run` time cells in processes
of their own, `summary` says what the times mean. Nothing here is imported by `import logitkit`.
"""
