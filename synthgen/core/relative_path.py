"""File names that come out of files: they must stay below the folder they belong to."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_MOST_CHARACTERS = 1000  # file systems take 255 bytes a part and 4096 in all


def path_problem(text: str) -> str | None:
    """What keeps a text from being a POSIX path below a folder, or None."""
    if not text or _CONTROL.search(text) or len(text) > _MOST_CHARACTERS or not is_utf8(text):
        return "expected a path with '/' between its parts, without control characters"
    if text.startswith("/") or any(part in ("", ".", "..") for part in text.split("/")):
        return "expected a path below its folder, without '..'"
    return None


def is_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8: names of files in other encodings, and lone surrogates, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
