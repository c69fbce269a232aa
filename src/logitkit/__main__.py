"""``python -m logitkit`` is the command ``logitkit``."""

from logitkit.cli import main

if __name__ == "__main__":
    main()
