"""The command `logitkit`, from outside the package: why it cannot load is one sentence too."""

import sys


def main() -> None:
    """Load the command line and run it.

    Exits with 2 and one sentence for a setting that the library refuses when it is imported
    (LOGITKIT_ISA, LOGITKIT_NUM_THREADS), with 4 and the pip command for a package that is missing.
    """
    try:
        from logitkit.cli import main as command
    except ModuleNotFoundError as error:
        print(f"Error: {error.name} is not installed; pip install {error.name}", file=sys.stderr)
        sys.exit(4)
    except ImportError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    command()
