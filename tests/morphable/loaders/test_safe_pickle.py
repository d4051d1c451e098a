"""Pickles are read exactly, and nothing that a pickle asks for is executed."""

import base64
import json
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.pickle_values import InertObject
from synthgen.morphable.loaders.safe_pickle import parse_pickle, read_pickle, read_pickled_npy
from tests.morphable.loaders.pickle_fixtures import (
    Pickled,
    chumpy_array,
    chumpy_select,
    dump,
    object_npy,
    sparse_matrix,
)

VALUES = {
    "double": np.arange(12.0).reshape(3, 4) / 7,
    "columns first": np.asfortranarray(np.arange(12, dtype=np.int16).reshape(3, 4)),
    "big end": np.arange(5, dtype=">f4"),
    "flags": np.array([True, False]),
    "one": np.float32(2.5),
    "texts": ["ü", "", "a'b\"c\\n"],
    "nested": ({"a": (1, -2, 2**70, 0.1)}, None, True, [[]]),
    "bytes": b"\x00\xff\n'",
    3: {"set"},
}


def assert_same(actual: object, expected: object) -> None:
    if isinstance(expected, np.ndarray | np.generic):
        assert isinstance(actual, type(expected)) and actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)
    elif isinstance(expected, dict):
        assert isinstance(actual, dict) and list(actual) == list(expected)
        for key, value in expected.items():
            assert_same(actual[key], value)
    else:
        assert actual == expected and type(actual) is type(expected)


@pytest.mark.parametrize("protocol", range(6))
def test_what_python_3_writes_is_recovered(protocol: int) -> None:
    assert_same(parse_pickle(pickle.dumps(VALUES, protocol), "p"), VALUES)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_what_python_2_wrote_is_recovered(protocol: int) -> None:
    every_byte = np.arange(256, dtype=np.uint8)
    actual = parse_pickle(dump({"a": every_byte, "b": VALUES["columns first"], "text": "it's"}, protocol), "p")
    assert_same(actual, {"a": every_byte, "b": VALUES["columns first"], "text": "it's"})


def test_a_model_with_shared_arrays_and_itself_inside() -> None:
    shared = np.arange(3)
    value: list[object] = [shared, shared]
    value.append(value)
    actual = parse_pickle(pickle.dumps(value), "p")
    assert actual[0] is actual[1] and actual[2] is actual
    np.testing.assert_array_equal(actual[0], shared)


@pytest.mark.parametrize(
    ("protocol", "old_text"), [(0, True), (1, True), (2, True), (2, False), (3, False), (4, False)]
)
def test_chumpy_and_sparse_objects_stay_inert(protocol: int, old_text: bool) -> None:
    rng = np.random.default_rng(0)
    vertices, joints = rng.standard_normal((4, 3)), np.round(rng.random((2, 4)))
    whole = chumpy_array(vertices)
    value = {"v": whole, "s": chumpy_select(whole, np.array([2, 0]), (2, 1)), "J": sparse_matrix("csc", joints)}
    actual = parse_pickle(dump(value, protocol, old_text), "p")
    assert [type(item) for item in actual.values()] == [InertObject] * 3
    assert actual["v"].class_name == "chumpy.ch.Ch" and actual["v"].state["_dirty_vars"] == set()
    np.testing.assert_array_equal(actual["v"].state["x"], vertices)
    np.testing.assert_array_equal(actual["s"].state["a"].state["x"], vertices)
    assert actual["s"].state["preferred_shape"] == (2, 1)
    assert actual["J"].class_name == "scipy.sparse.csc.csc_matrix" and actual["J"].state["_shape"] == (2, 4)


def test_an_npy_of_type_object(tmp_path: Path) -> None:
    path = tmp_path / "embedding.npy"
    np.save(path, {"rows": np.arange(4)}, allow_pickle=True)  # type: ignore[arg-type]
    np.testing.assert_array_equal(read_pickled_npy(path)["rows"], np.arange(4))
    path.write_bytes(object_npy({"rows": np.arange(4)}, old_text=True))
    np.testing.assert_array_equal(read_pickled_npy(path)["rows"], np.arange(4))
    np.save(path, np.arange(3))
    with pytest.raises(ModelError, match="embedding.npy.*expected one of type object"):
        read_pickled_npy(path)
    path.write_bytes(b"\x93NUMPY")
    with pytest.raises(ModelError, match=r"embedding.npy.*not an \.npy"):
        read_pickled_npy(path)


class _Calls:
    """Pickles as a call of something that can be imported."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> object:
        return self.call


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that must not appear."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


COMMAND = "echo alive > canary"
PYTHON = "open('canary','w')"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def live_payloads() -> dict[str, bytes]:
    """Each makes a file `canary` when Python's own pickle reads it, which a test below proves."""
    return {
        "os.system": pickle.dumps(_Calls(os.system, COMMAND)),
        "os.system, protocol 0": pickle.dumps(_Calls(os.system, COMMAND), 0),
        "eval": pickle.dumps(_Calls(eval, PYTHON)),
        "exec": pickle.dumps(_Calls(exec, PYTHON)),
        "open": pickle.dumps(_Calls(open, "canary", "w")),
        "getattr": b"cbuiltins\ngetattr\n(cposix\nsystem\nV__call__\ntR(V" + COMMAND.encode() + b"\ntR.",
        "subprocess": pickle.dumps(_Calls(subprocess.check_output, ["touch", "canary"])),
        "nested in a dictionary": pickle.dumps({"v_template": [np.zeros(3), (_Calls(os.system, COMMAND),)]}),
        "nested reduce": b"cnumpy._core.multiarray\n_reconstruct\n(cos\nsystem\n(V" + COMMAND.encode() + b"\ntRtR.",
        "STACK_GLOBAL": b"\x80\x04" + stack_global("os", "system") + text(COMMAND) + b"\x85R.",
        "INST": b"(V" + COMMAND.encode() + b"\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nV" + COMMAND.encode() + b"\no.",
        "state that is set": b"cposix\nsystem\n(V" + COMMAND.encode() + b"\ntR}b.",
    }


def forbidden_pickles() -> dict[str, bytes]:
    """What no model file needs, and what a chain of calls could be built from. They do nothing alone."""
    import operator

    return {
        "numpy.load": pickle.dumps(_Calls(np.load, "canary", None, True)),
        "attrgetter": b"".join([pickle.dumps(operator.attrgetter("system"))[:-1], b"cposix\nsystem\n\x85R."]),
        "dotted name": b"\x80\x04" + stack_global("numpy", "_globals.sys.modules") + b".",
        "dotted name of chumpy": b"\x80\x04" + stack_global("chumpy", "ch.os.system") + text(COMMAND) + b"\x85R.",
        "package that only begins alike": b"cchumpyx\nCh\n)R.",
        "INST of an allowed class": b"(ichumpy.ch\nCh\n.",
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\n" + text("touch canary") + b"\x85\x81.",
        "NEWOBJ of an allowed name": b"\x80\x02cnumpy\nndarray\n)\x81.",
        "NEWOBJ_EX": b"\x80\x04" + stack_global("chumpy", "Ch") + b")}\x92.",
        "EXT1": b"\x80\x02\x82\x01.",
        "EXT2": b"\x80\x02\x83\x01\x00.",
        "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "persistent id": b"Pcanary\n.",
        "binary persistent id": b"Vcanary\nQ.",
        "out-of-band buffer": b"\x80\x05\x97.",
        "call of a value": b"])R.",
        "call of an inert object": b"cchumpy.ch\nCh\n)R)R.",
        "state of a class": b"cchumpy.ch\nCh\n}b.",
        "state of a list": b"]}b.",
        "dtype of objects": b"cnumpy\ndtype\n(VO8\nI00\nI01\ntRcnumpy\ndtype\n\x85R.",
        "dtype of a name": b"cnumpy\ndtype\n(cnumpy\nndarray\ntR.",
        "dtype with fields": b"cnumpy\ndtype\n(VV8\ntR.",
        "dtype by expression": b"cnumpy\ndtype\n(V(1000000000,)f8\ntR.",
        "encode with another codec": b"c_codecs\nencode\n(Vabc\nVzlib\ntR.",
        "reconstruct of another type": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntVb\ntR.",
        "set of lists": b"c__builtin__\nset\n((l(laltR.",
    }


REFUSED = live_payloads() | forbidden_pickles()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_is_refused_and_nothing_is_executed(name: str, canary: Path) -> None:
    with pytest.raises(ModelError, match="payload"):
        parse_pickle(REFUSED[name], "payload")


def in_another_process(program: str, payloads: dict[str, bytes], folder: Path) -> str:
    """What a program prints whose `payloads` are these, run in `folder`."""
    content = json.dumps({name: base64.b64encode(data).decode() for name, data in payloads.items()})
    head = (
        "import base64, json, os, sys\npayloads = {k: base64.b64decode(v) for k, v in json.load(sys.stdin).items()}\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", head + program], input=content, capture_output=True, text=True, cwd=folder,
        env=environment, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def test_every_live_payload_is_alive(tmp_path: Path) -> None:
    program = """
import pickle
for number, (name, data) in enumerate(payloads.items()):
    os.mkdir(str(number))
    os.chdir(str(number))
    try:
        pickle.loads(data)
    except Exception:
        pass
    print(name if os.path.exists("canary") else "-")
    os.chdir("..")
"""
    assert in_another_process(program, live_payloads(), tmp_path).splitlines() == list(live_payloads())


def test_the_interpreter_sees_no_import_call_or_file(tmp_path: Path) -> None:
    """Python's audit events: the reader looks up no name, and nothing runs, opens or is imported on the way."""
    program = """
from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.safe_pickle import parse_pickle
import codecs
for codec in ("raw_unicode_escape", "unicode_escape", "latin1", "ascii", "utf-8"):
    codecs.lookup(codec)  # Python loads them when they are used first
watched = ("pickle.find_class", "import", "exec", "compile", "open", "os.system", "os.exec", "os.posix_spawn",
           "subprocess.Popen", "socket.connect", "ctypes.dlopen")
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments)[:80])) if event in watched else None)
for name, data in payloads.items():
    try:
        parse_pickle(data, "payload")
    except ModelError:
        pass
found, control = list(seen), open(os.devnull).close()
print(found, len(seen) > len(found))
"""
    assert in_another_process(program, REFUSED, tmp_path).strip() == "[] True"


def test_the_refusal_names_the_global_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "flame.pkl").write_bytes(live_payloads()["os.system"])
    with pytest.raises(ModelError, match=r"flame\.pkl: refused .*'posix\.system'.*nothing was executed"):
        read_pickle(tmp_path / "flame.pkl")
    with pytest.raises(ModelError, match="absent.pkl: file not found"):
        read_pickle(tmp_path / "absent.pkl")
    with pytest.raises(ModelError, match="cannot read"):
        read_pickle(tmp_path)


def array_pickle(shape: bytes, code: bytes, data: bytes) -> bytes:
    """An array by hand: shape as opcodes."""
    head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
    dtype = b"cnumpy\ndtype\n(S'" + code + b"'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
    return head + shape + dtype + b"I00\nS'" + data + b"'\ntb."


BOMBS = {
    "huge array": array_pickle(b"(I1000000000000\nt", b"f8", b"12345678"),
    "array whose size overflows": array_pickle(b"(" + b"I4294967296\n" * 2 + b"t", b"f8", b""),
    "negative shape": array_pickle(b"(I-1\nt", b"f8", b"12345678"),
    "shape of booleans": array_pickle(b"(I01\nt", b"f8", b"12345678"),
    "shape that is a number": array_pickle(b"I1\n", b"f8", b"12345678"),
    "objects where numbers should be": array_pickle(b"(I1\nt", b"O8", b"12345678"),
    "too many axes": array_pickle(b"(" + b"I1\n" * 40 + b"t", b"f8", b"12345678"),
    "no axis but long": array_pickle(b"(I0\nI1152921504606846976\nI1152921504606846976\nt", b"f8", b""),
    "memo index": b"Nr\xff\xff\xff\x7f0r\xff\xff\xff\xff.",
    "announced text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"abc.",
    "announced bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.",
    "announced frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62),
    "long integer": b"L" + b"9" * 10_000 + b"L\n.",
    "marks": b"(" * 500_000 + b".",
    "operations": b"N0" * 600_000 + b"N.",
    "copies": text("x" * 10_000) + b"q\x000" + b"c_codecs\nencode\n(h\x00Vlatin1\ntR0" * 500 + b"N.",
    "key that is slow to hash": b"}" + b")" + b"\x86".join([b"2"] * 40) + b"\x86Ns.",
    "integer key with chosen hash": b"}L" + str(2**61 - 1).encode() + b"L\nNs.",
}


@pytest.mark.parametrize("name", sorted(set(BOMBS) - {"memo index"}))
def test_bombs_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="bomb"):
        parse_pickle(BOMBS[name], "bomb")


def test_what_looks_like_a_bomb_and_is_none() -> None:
    with pytest.raises(ModelError):  # the memo is a dictionary: no place is reserved for the index
        parse_pickle(BOMBS["memo index"], "bomb")
    deep = parse_pickle(b"N" + b"\x85" * 300_000 + b".", "deep")
    depth = 0
    while deep is not None:
        (deep,), depth = deep, depth + 1
    assert depth == 300_000


MODEL = {"v": np.arange(6.0).reshape(2, 3), "f": np.arange(3, dtype=np.uint32), "n": {"x": [1, "a", None]}}
VALID = [pickle.dumps(MODEL, protocol) for protocol in range(6)]
VALID += [dump(MODEL | {"c": chumpy_array(MODEL["v"]), "J": sparse_matrix("csc", np.eye(2))}, p) for p in (0, 2)]
VALID += [dump({"c": Pickled("chumpy.ch", "Ch", {"x": np.ones(1)})}, 4)]


def check_is_harmless(data: bytes) -> None:
    try:
        parse_pickle(data, "fuzz")
    except ModelError as error:
        assert str(error).startswith("fuzz: ")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_give_a_value_or_a_model_error(data: bytes) -> None:
    check_is_harmless(data)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(b"()[]{}NIVSclat.0122bBCdeghjpqrsu\x80\x81\x85\x86\x87\x88\x8f\x90\x91\x93\x94R\n"), max_size=60
    )
)
def test_random_operations_give_a_value_or_a_model_error(data: list[int]) -> None:
    check_is_harmless(bytes(data))


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_pickles_give_a_value_or_a_model_error(data: st.DataObject) -> None:
    pickled = bytearray(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(pickled) - 1))
        change = data.draw(st.sampled_from(["flip", "cut", "insert", "copy"]))
        if change == "flip":
            pickled[place] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del pickled[place : place + data.draw(st.integers(1, 20))]
            pickled = pickled or bytearray(b".")
        elif change == "insert":
            pickled[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        else:
            start = data.draw(st.integers(0, len(pickled) - 1))
            pickled[place:place] = pickled[start : start + 30]
    check_is_harmless(bytes(pickled))


@pytest.mark.parametrize("data", VALID)
def test_a_truncated_pickle_is_a_model_error(data: bytes) -> None:
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(ModelError, match="cut"):
            parse_pickle(data[:length], "cut")
