"""Exp_Pca.bin and std_exp.txt: FaceWarehouse expressions on the trimmed Basel mesh, by Guo et al. ("coarse data").

Exp_Pca.bin, little-endian: int32 K, the mean as 3V float32, then K components of 3V float32, one after the other, each
x0, y0, z0, x1, ... std_exp.txt: at least K numbers, the standard deviations of the components' coefficients.
"""

import struct
from pathlib import Path

import numpy as np

from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_EXP_PCA_COMPONENTS, MOST_STDDEV_TEXT_BYTES
from synthgen.morphable.loaders.array_checks import check_believable
from synthgen.morphable.loaders.basel_model import ColumnBasis
from synthgen.morphable.loaders.mat_file import check_file

BIN_FILE, STDDEV_FILE = "Exp_Pca.bin", "std_exp.txt"


def read_exp_pca(path: Path, stddev_path: Path, vertex_count: int) -> ColumnBasis:
    """The basis, um, of a mesh of `vertex_count` vertices. Its mean is not returned, as public code does not use it.

    Raises ModelError, naming the file, for a missing or truncated file, another mesh, or numbers that cannot be.
    """
    check_file(path)
    size = path.stat().st_size
    with open(path, "rb") as stream:
        head = stream.read(4)
        count = struct.unpack("<i", head)[0] if len(head) == 4 else 0
        expected = 4 + 4 * 3 * vertex_count * (1 + count)
        if not 1 <= count <= MOST_EXP_PCA_COMPONENTS or size != expected:
            raise ModelError(
                f"{path}: {size} bytes that declare {count} components, expected 4 + 12 * {vertex_count} * "
                f"(1 + components) bytes, 1 to {MOST_EXP_PCA_COMPONENTS} components: truncated, or not Exp_Pca.bin"
            )
        stream.seek(4 * 3 * vertex_count, 1)
        rows = np.frombuffer(stream.read(), "<f4").reshape(count, 3 * vertex_count)
    check_believable(f"{path}: a component", rows)
    check_file(stddev_path, MOST_STDDEV_TEXT_BYTES)
    try:
        stddev = np.array(stddev_path.read_text(encoding="ascii").split(), np.float64)
    except (ValueError, OverflowError) as error:
        raise ModelError(f"{stddev_path}: expected {count} numbers: {error}") from error
    check_believable(f"{stddev_path}: the list", stddev)
    if len(stddev) < count or not (stddev[:count] > 0).all():
        raise ModelError(
            f"{stddev_path}: {len(stddev)} numbers, the least {stddev.min(initial=0.0)}; expected at least {count} "
            "standard deviations above 0"
        )
    return ColumnBasis(rows.T, stddev[:count])
