"""How a time and a ratio are written."""


def microseconds(value: float | None) -> str:
    """Write a time with three digits: 0.512, 4.07, 18.6, 245174."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(value: float | None) -> str:
    """Write how many times faster: below 1 is slower."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
