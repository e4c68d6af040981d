"""Numbers of things in words."""


def counted(n: int, thing: str) -> str:
    """``1 window``, ``2,000 windows``."""
    return f"{n:,} {thing}{'s' * (n != 1)}"
