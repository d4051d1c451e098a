"""Files that appear whole or not at all, full disks, and stores that are not folders."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from synthgen.core.errors import DatasetError
from synthgen.dataset.whole_file import create_whole, writer_token
from synthgen.pipeline.publish import LocalStore, RemoteStore, open_store, publish_bytes, sweep_own, sweep_temporary
from synthgen.pipeline.run import GenerateOptions, generate


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with create_whole(tmp_path / "a.tar") as sink:
        sink.write(b"half")
        assert not (tmp_path / "a.tar").exists()
    assert (tmp_path / "a.tar").read_bytes() == b"half"
    assert os.listdir(tmp_path) == ["a.tar"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(2, "no such picture")])
def test_an_error_leaves_nothing_and_keeps_the_old_file(tmp_path: Path, error: BaseException) -> None:
    """Errors of whoever renders pass through unchanged, also those of the operating system."""
    (tmp_path / "a.tar").write_bytes(b"old")
    with pytest.raises(type(error)) as caught, create_whole(tmp_path / "a.tar") as sink:
        sink.write(b"new")
        raise error
    assert caught.value is error
    assert os.listdir(tmp_path) == ["a.tar"]
    assert (tmp_path / "a.tar").read_bytes() == b"old"


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink(os.devnull, tmp_path / "null")
    for name in ("pipe", "null"):
        words = f"{name} cannot be written.*choose the name of a file"
        with pytest.raises(DatasetError, match=words), create_whole(tmp_path / name):
            pass
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "null").is_char_device()
    assert len(list(tmp_path.iterdir())) == 2


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be written: No such file or directory"):
        publish_bytes(LocalStore(tmp_path / "missing"), "x", b"1")


FULL = """
import resource, sys
sys.path[:0] = {path!r}
resource.setrlimit(resource.RLIMIT_FSIZE, (250000, 250000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from synthgen.core.errors import SynthgenError
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
recipe = parse_recipe("kind: images\\ncount: 100\\nshard_size: {size}\\nsize: [24, 32]\\n", "test.yaml")
try:
    generate(recipe, {out!r}, GenerateOptions(workers={workers}, factory="pipeline_fakes:open_plain"))
except SynthgenError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_full_disk_gives_one_message_and_no_torn_file(tmp_path: Path, workers: int) -> None:
    """A file size limit stands in for a full disk: the second of two shards does not fit."""
    here = Path(__file__).parent
    path, out = [str(here.parents[1]), str(here.parent / "dataset"), str(here)], tmp_path / "out"
    code = FULL.format(path=path, out=str(out), workers=workers, size=50)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    assert (
        "shard-00000" in lines[0]
        and "File too large" in lines[0]
        and "bytes free" in lines[0]
        and "--resume" in lines[0]
    )
    assert not [name for name in os.listdir(out) if name.startswith((".", "shard"))]


def test_the_limit_is_gone_and_the_run_goes_on(tmp_path: Path) -> None:
    from synthgen.recipe.load import parse_recipe

    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    recipe = parse_recipe("kind: images\ncount: 3\nsize: [24, 32]\n", "test.yaml")
    generate(recipe, tmp_path / "out", GenerateOptions(workers=0, factory="pipeline_fakes:open_plain"))


def test_sweep_takes_only_temporary_files_of_the_process(tmp_path: Path) -> None:
    first, second = f".tmp-a-{writer_token(17)}", f".tmp-b-{writer_token(117_000_000)}"
    for name in (first, second, ".tmp-c-elsewhere-17", "keep.tar", ".lock"):
        (tmp_path / name).write_bytes(b"")
    store = open_store(tmp_path)
    assert sweep_temporary(store, 17) == 1
    assert store.names() == [".lock", second, ".tmp-c-elsewhere-17", "keep.tar"]
    (tmp_path / f".tmp-d-{writer_token(os.getpid())}").write_bytes(b"")  # a writer that lives
    assert sweep_own(store) == 1  # no process has number 117 million
    assert store.names() == [".lock", ".tmp-c-elsewhere-17", f".tmp-d-{writer_token(os.getpid())}", "keep.tar"]
    (tmp_path / f".tmp-d-{writer_token(os.getpid())}").unlink()
    assert sweep_temporary(store) == 1
    assert store.names() == [".lock", "keep.tar"]


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_stores_behave_alike(tmp_path: Path, kind: str) -> None:
    store = open_store(tmp_path / "out" if kind == "local" else f"memory://{tmp_path.name}/out")
    assert isinstance(store, LocalStore if kind == "local" else RemoteStore)
    assert (store.names(), store.read("a"), store.size("a")) == ([], None, None)
    publish_bytes(store, "a", b"one")
    publish_bytes(store, "a", b"three")
    assert (store.names(), store.read("a"), store.size("a")) == (["a"], b"three", 5)
    with pytest.raises(ValueError, match="x"), store.create("b") as sink:
        sink.write(b"torn")
        raise ValueError("x")
    assert store.names() == ["a"]
    store.remove("a")
    store.remove("a")
    assert store.names() == []


def test_generate_to_a_url_and_resume(tmp_path: Path, digest) -> None:  # type: ignore[no-untyped-def]
    """An object store gets the same shards as a folder; the table is left to the reader."""
    from synthgen.recipe.load import parse_recipe

    recipe = parse_recipe("kind: images\ncount: 50\nshard_size: 20\nsize: [24, 32]\n", "test.yaml")
    url = f"memory://{tmp_path.name}/data"
    options = GenerateOptions(workers=0, factory="pipeline_fakes:open_plain")
    generate(recipe, tmp_path / "local", options)
    generate(recipe, url, options)
    store = open_store(url)
    expected = set(os.listdir(tmp_path / "local")) - {"samples.parquet", "runs"}
    assert set(store.names()) == expected
    assert all(store.read(name) == (tmp_path / "local" / name).read_bytes() for name in expected)
    store.remove("shard-000001.tar")
    resumed = generate(recipe, url, GenerateOptions(workers=0, factory=options.factory, resume=True))
    assert (resumed.built_shards, resumed.present_shards) == (1, 2)
    assert all(store.read(name) == (tmp_path / "local" / name).read_bytes() for name in expected)


def test_unknown_protocols_are_refused() -> None:
    with pytest.raises(DatasetError, match="cannot be opened"):
        open_store("nosuch://bucket/data")
