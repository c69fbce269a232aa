"""The whole table."""

from conformance import (
    table_axes,
    table_laws,
    table_losses,
    table_memory,
    table_rows,
    table_sampling,
    table_sampling_rows,
    table_temperature,
)

CASES = [
    *table_axes.CASES,
    *table_rows.CASES,
    *table_temperature.CASES,
    *table_memory.CASES,
    *table_laws.CASES,
    *table_losses.CASES,
    *table_sampling.CASES,
    *table_sampling_rows.CASES,
]
