"""Hostile variants of valid files, and the one property that every reader must have: it reads, or says why not.

Everything is derandomised: the same examples in every run. FUZZ_EXAMPLES in the environment asks for more of them.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from synthgen.core.errors import SynthgenError

ROOT = Path(__file__).resolve().parents[1]


def quick(examples: int) -> settings:
    """Settings of a test that runs the same `examples` examples every time."""
    return settings(
        max_examples=int(os.environ.get("FUZZ_EXAMPLES", examples)),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def reads_or_refuses(read: Callable[[], Any], *names: str) -> bool:
    """Whether `read` succeeds. It may raise a SynthgenError whose message holds one of `names`, and nothing else."""
    try:
        read()
    except SynthgenError as error:
        message = str(error)
        assert any(name in message for name in names), f"{message!r} names none of {names}"
        message.encode("utf-8", "backslashreplace")
        return False
    return True


# --- bytes ---------------------------------------------------------------------------------------------------------

# What a length, count or offset may become.
_WORDS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 8, b"\0\0\xf0\x7f"]


@st.composite
def damaged(draw: st.DrawFn, data: bytes, ends: int = 200) -> bytes:
    """`data` with one to three changes: bits flipped, bytes set, inserted, deleted, doubled or moved, or cut off.

    Half of the changes fall into the first or last `ends` bytes, where formats have their headers.
    """
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        size = len(changed)
        near = st.integers(0, min(ends, size))
        at = draw(st.one_of(near, near.map(lambda place, size=size: size - place), st.integers(0, size)))
        kind = draw(st.sampled_from(["flip", "flip", "set", "word", "insert", "delete", "double", "truncate"]))
        length = draw(st.integers(1, 40))
        if kind == "flip" and at < size:
            changed[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and at < size:
            changed[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x20, 0x2D]))
        elif kind == "word":
            word = draw(st.sampled_from(_WORDS))
            changed[at : at + len(word)] = word
        elif kind == "insert":
            changed[at:at] = draw(st.binary(min_size=1, max_size=12))
        elif kind == "delete":
            del changed[at : at + length]
        elif kind == "double":
            changed[at:at] = changed[at : at + length]
        elif kind == "truncate":
            del changed[at:]
    return bytes(changed)


# --- values --------------------------------------------------------------------------------------------------------

DEEP: Any = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
HOSTILE_NUMBERS = [
    float("nan"),
    float("inf"),
    float("-inf"),
    1e308,
    -1e308,
    5e-324,
    -1,
    0,
    2**31,
    2**63,
    2**64,
    10**400,
]
HOSTILE_TEXTS = ["", "\0", "\ud800", "../../etc/passwd", "/etc/passwd", "a" * 5000, "nan", "𝟛", "\u202e", "%s{0}"]
HOSTILE_VALUES = [*HOSTILE_NUMBERS, *HOSTILE_TEXTS, None, True, False, [], {}, [None], [[]], {"": {}}, DEEP, 1.5, -0.0]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of every entry of a JSON value; of long lists the first three and the last."""
    found = [path]
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*path, key))
    elif isinstance(value, list):
        for number in sorted({*range(min(3, len(value))), len(value) - 1} - {-1}):
            found += places(value[number], (*path, number))
    return found


@st.composite
def hostile_json(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value of which one or two entries are hostile, missing, doubled, or another entry's."""
    changed = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 2))):
        all_places = places(changed)
        path = draw(st.sampled_from(all_places))
        kind = draw(st.sampled_from(["replace", "replace", "replace", "delete", "copy", "append"]))
        new = draw(st.sampled_from(HOSTILE_VALUES))
        if not path:
            changed = new if kind == "replace" and draw(st.integers(0, 9)) == 0 else changed
            continue
        parent = changed
        for step in path[:-1]:
            parent = parent[step]
        if kind == "delete":
            del parent[path[-1]]
        elif kind == "append" and isinstance(parent, list):
            parent.append(parent[path[-1]])
        elif kind == "copy":
            source = changed
            for step in draw(st.sampled_from(all_places)):
                source = source[step]
            parent[path[-1]] = json.loads(json.dumps(source))
        else:
            parent[path[-1]] = new
        changed = json.loads(json.dumps(changed))
    return changed


# --- bombs ---------------------------------------------------------------------------------------------------------


def in_small_memory(program: str, *arguments: str, megabytes: int = 300, seconds: int = 60) -> str:
    """What a program prints in a process that may allocate `megabytes` more than it has after its imports.

    The program calls `cap()` when its imports are done. Fails when it crashes, hangs, or is killed.
    """
    head = (
        "import resource, sys\n"
        "def cap():\n"
        "    pages = int(open('/proc/self/statm').read().split()[0])\n"
        f"    most = pages * resource.getpagesize() + {megabytes} * 2**20\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + program, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def peak_megabytes() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
