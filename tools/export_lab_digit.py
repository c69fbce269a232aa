"""Write the row of the lab's example "a handwritten 5" from the shipped logits.

    python tools/export_lab_digit.py

It is the row of the picture in README: a digit over which the network is in doubt.
"""

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "examples" / "data" / "digits.npz"
TARGET = ROOT / "src" / "logitkit" / "lab" / "static" / "data" / "digit_five.json"
ROW = 407


def example() -> dict[str, object]:
    """Return the logits, exact in float64, and the digit that was written."""
    with np.load(SOURCE) as data:
        return {
            "source": f"row {ROW} of examples/data/digits.npz",
            "label": int(data["labels"][ROW]),
            "logits": [float(value) for value in data["logits"][ROW]],
        }


def main() -> None:
    """Write the file."""
    TARGET.write_text(json.dumps(example(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
