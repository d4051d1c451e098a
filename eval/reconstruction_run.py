"""Reconstructions of scans -> errors, one row for each, however they came about."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.reconstruction import Alignment, ReconstructionErrors, reconstruction_errors
from eval.scan_pictures import PITCHES_DEG, YAWS_DEG, pose_name, render_scan
from eval.scan_set import ScanFile, load_landmarked
from eval.scans import FORMATS, Scan
from synthgen.core.errors import UsageError

Floats = NDArray[np.float64]
Landmarked = tuple[Scan, Floats]


@dataclass
class Rows:
    """ids: "scan/pose"; subjects, yaws: of each; values: name of an error -> one number each; missing: ids without a
    reconstruction."""

    ids: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    yaws: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, name: str, subject: str, yaw: float, errors: dict[str, float]) -> None:
        """One reconstruction."""
        self.ids.append(name)
        self.subjects.append(subject)
        self.yaws.append(yaw)
        for key, value in errors.items():
            self.values.setdefault(key, []).append(value)


def poses() -> list[tuple[float, float]]:
    """(pitch, yaw) in degrees of the renderings of a scan."""
    return [(pitch, yaw) for pitch in PITCHES_DEG for yaw in YAWS_DEG]


def predicted_meshes(folder: Path, scan: ScanFile) -> Iterator[tuple[str, float, Landmarked | None]]:
    """Pose name, yaw and the mesh of a prediction folder, None where there is none: SCAN/POSE.obj or .ply."""
    for pitch, yaw in poses():
        stem = folder / scan.name / pose_name(pitch, yaw)
        there = [path for path in (stem.with_name(stem.name + suffix) for suffix in FORMATS) if path.is_file()]
        if len(there) > 1:
            raise UsageError(f"{there[0]} and {there[1]} are both there; keep one of them")
        yield stem.name, yaw, load_landmarked(ScanFile(scan.name, there[0]), folder) if there else None


def modelled_meshes(path: Path, scan: Scan, points: Floats) -> Iterator[tuple[str, float, Landmarked | None]]:
    """The same, made by a network from renderings of the scan."""
    from eval.networks import open_network
    from eval.reconstructed_heads import HeadReconstruction

    network = HeadReconstruction(open_network(path))
    for pitch, yaw in poses():
        yield pose_name(pitch, yaw), yaw, network.of_picture(render_scan(scan, points, pitch, yaw))


def numbers_of_errors(errors: ReconstructionErrors) -> dict[str, float]:
    """Name -> number of one reconstruction: ratios to the outer eye corners' distance, and mm."""
    return {
        "nme": errors.nme,
        "nme_surface": float(errors.to_surface.mean()) / errors.interocular,
        "plane_mm": float(errors.to_plane.mean()),
        "symmetric_mm": errors.symmetric,
    }


def scored(mesh: Landmarked, scan: Landmarked, alignments: dict[str, Alignment]) -> dict[str, float]:
    """ "alignment: error" -> number, for each way to lay the mesh on the scan."""
    found: dict[str, float] = {}
    for name, alignment in alignments.items():
        errors = numbers_of_errors(reconstruction_errors(*mesh, *scan, alignment))
        found |= {f"{name}: {key}": value for key, value in errors.items()}
    return found
