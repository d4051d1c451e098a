import hashlib
import os
from pathlib import Path

import pytest

from synthgen.asset_io.cache import ByteCache
from synthgen.asset_io.catalogue import (
    NOT_STATED,
    file_sha256,
    files_sha256,
    folder_licence,
    list_files,
    problems_error,
)
from synthgen.core.errors import AssetError


def test_file_hash_is_sha256_and_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one" * 500_000)
    assert file_sha256(path) == hashlib.sha256(b"one" * 500_000).hexdigest()
    path.write_bytes(b"two" * 500_000)
    os.utime(path, ns=(1, 1))
    assert file_sha256(path) == hashlib.sha256(b"two" * 500_000).hexdigest()


def test_folder_hash_depends_on_names_and_content_alone(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "x.png").write_bytes(b"x")
        (tmp_path / folder / "sub" / "y.png").write_bytes(b"y")
    names = ["x.png", "sub/y.png"]
    first = files_sha256(tmp_path / "a", names)
    assert first == files_sha256(tmp_path / "b", names[::-1])
    lines = "".join(f"{n}\t1\t{hashlib.sha256(c).hexdigest()}\n" for n, c in (("sub/y.png", b"y"), ("x.png", b"x")))
    assert first == hashlib.sha256(lines.encode()).hexdigest()
    (tmp_path / "b" / "x.png").write_bytes(b"z")
    os.utime(tmp_path / "b" / "x.png", ns=(1, 1))
    assert files_sha256(tmp_path / "b", names) != first


def test_list_is_sorted_by_relative_path_and_passes_over_hidden_files(tmp_path: Path) -> None:
    for name in ("b.png", "a/c.PNG", "a.png", ".hidden.png", ".git/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_files(tmp_path, (".png",)) == ["a.png", "a/c.PNG", "b.png"]


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no such folder"):
        list_files(tmp_path / "none", (".png",))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(AssetError, match=r"no usable file; expected \.png"):
        list_files(tmp_path, (".png",))


def test_licence_is_the_first_line_beside_or_above(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    assert folder_licence(folder) == NOT_STATED
    (tmp_path / "LICENSE.txt").write_text("\n  CC0 1.0 Universal\nmore")
    assert folder_licence(folder) == "CC0 1.0 Universal"


def test_long_problem_lists_are_cut_and_counted() -> None:
    text = str(problems_error("many", [f"p{i}" for i in range(13)]))
    assert "p9" in text and "p10" not in text and "and 3 more" in text


def test_cache_forgets_the_oldest_beyond_its_limit() -> None:
    loads: list[str] = []

    def load(key: str) -> bytes:
        loads.append(key)
        return key.encode() * 40

    cache = ByteCache[bytes](100, len)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert cache.find(key, lambda key=key: load(key)) == key.encode() * 40
    # c pushes out b, which was used longest ago; b then pushes out c.
    assert loads == ["a", "b", "c", "b"]
    assert cache.bytes == 80 and len(cache) == 2
    cache.find("big", lambda: b"x" * 101)
    assert cache.bytes == 80
