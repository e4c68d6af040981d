"""The one exception for everything that a user of triptych can cause."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, said in one sentence: what, where, what was expected, what to do.

    The command line prints the sentence and exits with code 2.
    """
