"""The public functions, one file a family: docstring, and delegation to the backend that owns the array."""
