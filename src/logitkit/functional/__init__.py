"""The public functions, one file a family: docstring, delegation to the array's backend."""
