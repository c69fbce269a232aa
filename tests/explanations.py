"""What the tests of `explain` share: the reference example, and how to look into an explanation."""

FRUIT = ["apple", "orange", "banana", "avocado"]
SCORES = [1.5, 2.2, -0.3, 0.8]


def column(e, name):
    """Return one number of every step."""
    return [getattr(step, name) for step in e.steps]


def note(e, start):
    """Return the one remark that starts so."""
    (found,) = [n for n in e.notes if n.startswith(start)]
    return found
