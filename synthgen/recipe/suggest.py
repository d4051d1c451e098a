"""Did-you-mean hints for error messages."""

import difflib
from collections.abc import Iterable


def suggestion(word: object, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the nearest known word, else ` (one of a, b, c)`; empty when nothing is known."""
    names = list(known)
    if not names:
        return ""
    near = difflib.get_close_matches(word[:100], names, n=1, cutoff=0.5) if isinstance(word, str) else []
    if not near and isinstance(word, str):
        # `yaw` for `yaw_deg`: short prefixes fall below difflib's ratio.
        near = [name for name in names if len(word) >= 3 and (name.startswith(word) or word.startswith(name))][:1]
    return f" (did you mean '{near[0]}'?)" if near else f" (one of {', '.join(names)})"
