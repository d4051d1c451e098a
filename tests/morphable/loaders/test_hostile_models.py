"""Foreign model files with bytes changed at random, and files that claim or ask for what no model needs."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from scipy.io import savemat

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.eos_files import read_eos_blendshapes, read_eos_model
from synthgen.morphable.loaders.exp_pca import read_exp_pca
from synthgen.morphable.loaders.landmark_file import read_landmark_file
from synthgen.morphable.loaders.mat_file import MatArray, read_mat, read_mat_struct
from synthgen.morphable.loaders.obj import read_obj
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.loaders.safe_pickle import read_pickle, read_pickled_npy
from synthgen.morphable.model_file import load_model, save_model
from tests.fuzzing import damaged, hostile_json, in_small_memory, quick, reads_or_refuses
from tests.morphable.loaders.pickle_fixtures import chumpy_array, dump, object_npy, sparse_matrix
from tests.morphable.test_model_file import tiny_model


def damaged_file(path: Path, read: Callable[[Path], Any], examples: int, ends: int = 200) -> None:
    """The property for damaged versions of the file; it is whole again afterwards."""
    whole = path.read_bytes()
    read(path)

    @quick(examples)
    @given(damaged(whole, ends))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        reads_or_refuses(lambda: read(path), path.name, str(path.parent))

    check()
    path.write_bytes(whole)


def test_damaged_files_of_our_own_format(tmp_path: Path) -> None:
    save_model(tiny_model(), tmp_path / "tiny.npz")
    damaged_file(tmp_path / "tiny.npz", load_model, 200, ends=1500)


# --- MATLAB --------------------------------------------------------------------------------------------------------

WANTED = {
    "mu": MatArray((9, 1), "number", "the mean"),
    "w": MatArray((9, "I"), "number", "columns"),
    "sigma": MatArray(("I", 1), "positive", "standard deviations"),
    "tri": MatArray(("A", "B"), "index", "triangles"),
}
VALUES = {
    "mu": np.arange(9.0)[:, None],
    "w": np.eye(9, 4, dtype=np.float32),
    "sigma": np.arange(1.0, 5.0)[None],
    "tri": np.array([[1, 2, 3]], np.uint16),
}


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_matlab_models(packed: bool, tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", VALUES, do_compression=packed)
    damaged_file(tmp_path / "a.mat", lambda path: read_mat(path, WANTED), 60, ends=300)
    savemat(tmp_path / "b.mat", {"other": 1.0, "model": VALUES}, do_compression=packed)
    found = read_mat_struct(tmp_path / "b.mat", "model", WANTED)
    np.testing.assert_array_equal(found["w"], VALUES["w"])
    np.testing.assert_array_equal(found["tri"], [[1, 2, 3]])
    damaged_file(tmp_path / "b.mat", lambda path: read_mat_struct(path, "model", WANTED), 60, ends=300)


def test_a_struct_that_claims_a_thousand_fields(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"model": {f"f{n}": 1.0 for n in range(1100)}}, long_field_names=True)
    with pytest.raises(ModelError, match=r"a\.mat.*the struct model has 6600 bytes of field names"):
        read_mat_struct(tmp_path / "a.mat", "model", WANTED)


# --- pickles -------------------------------------------------------------------------------------------------------

PICKLED = {
    "mean": np.arange(12.0).reshape(4, 3),
    "shapes": chumpy_array(np.eye(4, dtype=np.float32)),
    "regressor": sparse_matrix("csc", np.eye(3)),
    "f": np.array([[0, 1, 2]], np.uint32),
    "text": "made by a test",
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_damaged_pickles(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(dump(PICKLED, protocol))

    def read(path: Path) -> None:
        from synthgen.morphable.loaders.inert_arrays import array_of

        content = read_pickle(path)
        for key, value in content.items() if isinstance(content, dict) else ():
            reads_or_refuses(lambda key=key, value=value: array_of(f"{path}: {key!r}", value), path.name)

    damaged_file(tmp_path / "model.pkl", read, 80)
    (tmp_path / "embedding.npy").write_bytes(object_npy(PICKLED))
    damaged_file(tmp_path / "embedding.npy", read_pickled_npy, 80)


class Canary:
    """Makes a folder when it is unpickled by someone who trusts it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["generic_model.pkl", "bfm_noneck_v3.pkl", "flame_dynamic_embedding.npy", "tri.pkl"])
def test_a_malicious_pickle_as_a_model_is_not_executed(place: str, tmp_path: Path) -> None:
    canary, folder = tmp_path / "canary", tmp_path / "configs"
    folder.mkdir()
    payload = pickle.dumps({"v_template": Canary(canary)})
    if place.endswith(".npy"):
        payload = object_npy(1.0)[:80] + payload
    (folder / place).write_bytes(payload)
    readers: list[Callable[[], Any]] = [
        lambda: import_model(folder / place),
        lambda: import_model(folder, "flame"),
        lambda: import_model(folder, "3ddfa-v2"),
        lambda: read_pickled_npy(folder / place),
        lambda: read_pickle(folder / place),
        lambda: load_model(folder / place),
    ]
    for read in readers:
        with pytest.raises(ModelError, match="configs"):
            read()
    assert not canary.exists()
    pickle.loads(payload[80:] if place.endswith(".npy") else payload)  # whoever trusts it runs it
    assert canary.is_dir()


# --- Surrey, FaceWarehouse, OBJ, landmarks -------------------------------------------------------------------------


def eigen(matrix: np.ndarray) -> bytes:
    return struct.pack("<ii", *matrix.shape) + matrix.astype("<f4").tobytes("F")


def eos_model() -> bytes:
    empty = eigen(np.zeros((0, 1)))
    parts = [struct.pack("<I", 1), eigen(np.arange(9.0)[:, None]), eigen(np.eye(9, 2)), eigen(np.ones((2, 1)))]
    parts += [struct.pack("<Q", 1) + struct.pack("<iii", 0, 1, 2), empty, empty, empty, struct.pack("<Q", 0)]
    return b"".join([*parts, struct.pack("<Q", 3) + bytes(48)])


def test_damaged_files_of_eos(tmp_path: Path) -> None:
    (tmp_path / "sfm.bin").write_bytes(eos_model())
    damaged_file(tmp_path / "sfm.bin", read_eos_model, 60)
    shapes = struct.pack("<Q", 2) + b"".join(
        struct.pack("<Q", 5) + name + eigen(np.ones((9, 1))) for name in (b"anger", b"smile")
    )
    (tmp_path / "expressions.bin").write_bytes(shapes)
    damaged_file(tmp_path / "expressions.bin", lambda path: read_eos_blendshapes(path, 3), 80)


def test_damaged_expression_components(tmp_path: Path) -> None:
    (tmp_path / "std_exp.txt").write_text("3 2 1\n")
    (tmp_path / "Exp_Pca.bin").write_bytes(struct.pack("<i", 2) + np.ones(9 * 3, "<f4").tobytes())
    read = lambda _: read_exp_pca(tmp_path / "Exp_Pca.bin", tmp_path / "std_exp.txt", 3)  # noqa: E731
    damaged_file(tmp_path / "Exp_Pca.bin", read, 60)
    damaged_file(tmp_path / "std_exp.txt", read, 60)


OBJ = b"# a mesh\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0.5\nvt 0 0\nf 1/1 2/1 3/1 4/1\nf 1 2 3\n"


def test_damaged_meshes(tmp_path: Path) -> None:
    (tmp_path / "neutral.obj").write_bytes(OBJ)

    def read(path: Path) -> None:
        mesh = read_obj(path)
        assert (
            np.isfinite(mesh.vertices).all() and mesh.polygons.max() < len(mesh.vertices) and mesh.polygons.min() >= -1
        )

    damaged_file(tmp_path / "neutral.obj", read, 120)


@pytest.mark.parametrize(
    "line",
    [
        b"f 4294967297 2 3",  # 1 when it wraps around 32 bits
        b"f 99999999999999999999 2 3",
        b"f -1 2 3",
        b"f 0 1 2",
        b"f 1 2 3 4 5",
        b"f 1 2",
        b"f nan 2 3",
        b"v nan 0 0",
        b"v 1e400 0 0",
        b"v 1 2",
        b"v 0x10 0 0",
        b"f 1_0 2 3",
    ],
)
def test_mesh_lines_that_mean_nothing_are_refused(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(OBJ + line + b"\n")
    with pytest.raises(ModelError, match=r"a\.obj"):
        read_obj(tmp_path / "a.obj")


LANDMARKS = {"index_base": 0, "ibug68": list(range(68))}


@quick(80)
@given(hostile_json(LANDMARKS))
def test_hostile_landmark_lists(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "landmarks.json"
    path.write_text(json.dumps(content))
    if reads_or_refuses(lambda: read_landmark_file(path, 100), "landmarks.json"):
        assert read_landmark_file(path, 100).max() < 100


# --- HDF5 ----------------------------------------------------------------------------------------------------------

READ_H5 = """
import sys
from pathlib import Path
from synthgen.core.errors import ModelError
from synthgen.morphable.loaders import bfm_h5
import h5py
cap()
for path in map(Path, sys.argv[1:]):
    try:
        bfm_h5.import_bfm_h5(path)
    except ModelError as error:
        assert path.name in str(error) and "memory" not in str(error).lower(), error
        print(path.name, str(error)[-160:].replace("\\n", " "))
    else:
        print(path.name, "read")
"""


def write_h5(path: Path, **changes: Callable[[Any, str], None]) -> Path:
    """A file with everything the importer asks for, of three vertices; `changes` writes a dataset in its own way."""
    h5py = pytest.importorskip("h5py")
    arrays: dict[str, np.ndarray] = {"shape/representer/cells": np.array([[0], [1], [2]], np.uint32)}
    for part in ("shape", "expression"):
        arrays[f"{part}/model/mean"] = np.arange(9, dtype=np.float32)
        arrays[f"{part}/model/pcaBasis"] = np.eye(9, 2, dtype=np.float32)
        arrays[f"{part}/model/pcaVariance"] = np.ones(2, np.float32)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            if name.replace("/", "_") in changes:
                changes[name.replace("/", "_")](file, name)
            else:
                file[name] = array
    return path


def test_h5_files_that_claim_much_or_point_elsewhere(tmp_path: Path) -> None:
    """A dataset of 8 TB that was never written takes no space; others lie in files that the user did not name."""
    h5py = pytest.importorskip("h5py")
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(36))
    shutil.copy(secret, tmp_path / "other.h5")

    def huge(file: Any, name: str) -> None:
        file.create_dataset(name, (10**12,), np.float64, chunks=(1024,))

    def large(file: Any, name: str) -> None:
        file.create_dataset(name, (10**9,), np.float32, chunks=(1024,), compression="gzip")

    def external_data(file: Any, name: str) -> None:
        file.create_dataset(name, (9,), np.float32, external=[(str(secret), 0, 36)])

    def external_link(file: Any, name: str) -> None:
        file[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")

    def virtual(file: Any, name: str) -> None:
        layout = h5py.VirtualLayout((9,), np.float32)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (9,))
        file.create_virtual_dataset(name, layout)

    def text(file: Any, name: str) -> None:
        file[name] = "text"

    files = [
        write_h5(tmp_path / f"{number}{change.__name__}.h5", shape_model_mean=change)
        for number, change in enumerate([huge, large, external_data, external_link, virtual, text])
    ]
    printed = in_small_memory(READ_H5, *map(str, files), megabytes=200)
    said = dict(line.split(" ", 1) for line in printed.splitlines())
    assert len(said) == len(files)
    for name in ("0huge.h5", "1large.h5"):
        assert "larger than any" in said[name], said[name]
    for name in ("2external_data.h5", "3external_link.h5", "4virtual.h5"):
        assert "another file" in said[name], said[name]


def test_damaged_h5_files(tmp_path: Path) -> None:
    """HDF5's library reads them, so in a process of its own: it must not crash, hang or fill the memory either."""
    whole = write_h5(tmp_path / "whole.h5").read_bytes()
    random, files = np.random.default_rng(4), []
    for number in range(80):
        data = bytearray(whole)
        for place in random.integers(0, len(data), random.integers(1, 4)).tolist():
            data[place] = int(random.choice([0, 1, 127, 255, data[place] ^ 1 << int(random.integers(8))]))
        if number % 5 == 0:
            del data[int(random.integers(len(data))) :]
        files.append(tmp_path / f"{number:03d}.h5")
        files[-1].write_bytes(data)
    printed = in_small_memory(READ_H5, *map(str, files), megabytes=300)
    assert len(printed.splitlines()) == len(files)
