"""Benchmarks of a few faces, written in the format of the releases."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from synthgen.geometry.rotation import rotation_from_zhu_euler

Array = np.ndarray

# A frontal face in a 100 px box, x right, y down, z towards the viewer: near enough to iBUG's 68 points.
_JAW = [(50 - 50 * np.cos(t), 30 + 70 * np.sin(t), -40 * abs(np.cos(t))) for t in np.linspace(0, np.pi, 17)]
_BROWS = [(10 + 7 * k, 8 - 2 * k * (4 - k) / 4, 5) for k in range(5)]
_BROWS += [(100 - x, y, z) for x, y, z in reversed(_BROWS)]
_NOSE = [(50, 25 + 8 * k, 10 + 4 * k) for k in range(4)] + [(40 + 5 * k, 56 - abs(k - 2), 14) for k in range(5)]
_EYE = [(18, 26, 0), (24, 22, 2), (31, 22, 2), (37, 26, 0), (31, 29, 2), (24, 29, 2)]
_EYES = [*_EYE, *((100 - x, y, z) for x, y, z in (_EYE[3], _EYE[2], _EYE[1], _EYE[0], _EYE[5], _EYE[4]))]
_LIPS = [(50 - 20 * np.cos(t), 75 - 7 * np.sin(t), 8) for t in np.linspace(0, np.pi, 7)]
_LIPS += [(50 + 20 * np.cos(t), 75 + 8 * np.sin(t), 8) for t in np.linspace(0, np.pi, 7)[1:-1]]
_INNER = [(50 - 16 * np.cos(t), 75 - 3 * np.sin(t), 8) for t in np.linspace(0, np.pi, 5)]
_INNER += [(50 + 16 * np.cos(t), 75 + 3 * np.sin(t), 8) for t in np.linspace(0, np.pi, 5)[1:-1]]
FACE = np.array([*_JAW, *_BROWS, *_NOSE, *_EYES, *_LIPS, *_INNER], np.float64)
assert FACE.shape == (68, 3)


def faces(count: int, seed: int = 0) -> tuple[Array, Array]:
    """(N, 68, 3) points in our pixels of 450 px pictures, z nearer larger, and (N, 3) Zhu's angles in radians."""
    random = np.random.default_rng(seed)
    yaw = np.linspace(-80, 80, count)
    angles = np.deg2rad(np.stack([random.uniform(-15, 15, count), yaw, random.uniform(-15, 15, count)], axis=1))
    upright = (FACE - np.array([50.0, 50.0, 0.0])) * np.array([1.0, -1.0, 1.0])  # y up
    turned = np.einsum("nij,kj->nki", rotation_from_zhu_euler(angles), upright)
    scale = random.uniform(1.2, 2.0, count)[:, None, None]
    points = turned * scale * np.array([1.0, -1.0, 1.0])
    points[..., :2] += random.uniform(200, 250, (count, 1, 2))
    return points, angles


def picture(path: Path, size: tuple[int, int] = (450, 450), seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(60, 200, (size[1] // 10, size[0] // 10, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, quality=80)


def write_aflw2000(
    folder: Path, points: Array, angles: Array, tables: bool = True, pictures: bool = False
) -> list[str]:
    """image00002.mat and so on, and 3DDFA's tables; returns the ids."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"image{2 + 3 * row:05d}" for row in range(len(points))]
    for row, name in enumerate(names):
        stored = points[row].T.astype(np.float32).copy()
        stored[:2] += 0.5  # MATLAB's first pixel is 1
        pose = np.concatenate([angles[row], [225.0, 225.0, -60.0, 1.1e-3]])[None].astype(np.float32)
        savemat(folder / f"{name}.mat", {
            "pt3d_68": stored, "Pose_Para": pose, "pt2d": np.full((2, 21), -1.0), "Shape_Para": np.zeros((199, 1)),
            "Exp_Para": np.zeros((29, 1)), "roi": np.array([[1, 1, 450, 450]], np.int16),
        })  # fmt: skip
        if pictures:
            picture(folder / f"{name}.jpg", seed=row)
    if tables:
        configs = folder / "test.configs"
        configs.mkdir(exist_ok=True)
        again = (points[..., :2] - 0.5).transpose(0, 2, 1).astype(np.float32)  # as if counted from 0
        np.save(configs / "AFLW2000-3D-Reannotated.pts68.npy", again)
        np.save(configs / "AFLW2000-3D-new.pose.npy", np.abs(np.rad2deg(angles[:, 1])).astype(np.float32))
        low, high = points[..., :2].min(axis=1) - 20, points[..., :2].max(axis=1) + 20
        np.save(
            configs / "AFLW2000-3D_crop.roi_box.npy", (np.concatenate([low, high], axis=1) + 0.5).astype(np.float32)
        )
    return names


def write_pts(path: Path, points: Array) -> None:
    """iBUG's text, first pixel 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = points.copy()
    stored[:, :2] += 0.5
    lines = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in stored)
    path.write_text(f"version: 1\nn_points:  {len(points)}\n{{\n{lines}\n}}\n")


def write_w300(folder: Path, points: Array, pictures: bool = False) -> list[str]:
    """Faces in turn in the folders of the release, training faces too; returns the ids of all but those."""
    places = ["helen/testset", "lfpw/testset", "ibug", "300W/01_Indoor", "300W/02_Outdoor", "helen/trainset", "afw"]
    ids = []
    for row, face in enumerate(points):
        place = places[row % len(places)]
        name = f"{place}/face_{row}"
        write_pts(folder / f"{name}.pts", face[:, :2])
        if pictures:
            picture(folder / f"{name}.png", seed=row)
        if place not in ("helen/trainset", "afw"):
            ids.append(name)
    return ids


def wflw_points(points: Array) -> Array:
    """(N, 98, 2): 68 points spread over WFLW's places, so that corners and outlines are where they belong."""
    wide = np.zeros((len(points), 98, 2))
    jaw = points[:, :17, :2]
    wide[:, 0:33:2], wide[:, 1:32:2] = jaw, (jaw[:, 1:] + jaw[:, :-1]) / 2
    for start, brow in ((33, points[:, 17:22, :2]), (42, points[:, 22:27, :2])):
        wide[:, start : start + 5] = brow
        wide[:, start + 5 : start + 9] = brow[:, 4:0:-1] + np.array([0.0, 4.0])
    wide[:, 51:60] = points[:, 27:36, :2]
    for start, eye in ((60, points[:, 36:42, :2]), (68, points[:, 42:48, :2])):
        wide[:, start : start + 8] = eye[:, [0, 1, 1, 2, 3, 4, 4, 5]]
        wide[:, start + 2] = (eye[:, 1] + eye[:, 2]) / 2
        wide[:, start + 6] = (eye[:, 4] + eye[:, 5]) / 2
    wide[:, 76:96] = points[:, 48:68, :2]
    wide[:, 96], wide[:, 97] = wide[:, 60:68].mean(axis=1), wide[:, 68:76].mean(axis=1)
    return wide


def write_wflw(folder: Path, points: Array, attributes: Array) -> list[str]:
    """WFLW_annotations/.../list_98pt_rect_attr_test.txt; the last two faces share a picture; returns the ids."""
    lines, ids = [], []
    for row, face in enumerate(points):
        shared = row == len(points) - 1
        name = f"0--Parade/0_Parade_{row - shared}.jpg"
        ids.append(name.removesuffix(".jpg") + ("#2" if shared else ""))
        stored = face - 0.5
        box = [*stored.min(axis=0).astype(int), *stored.max(axis=0).astype(int)]
        numbers = [f"{value:.6f}" for value in stored.ravel()]
        lines.append(" ".join([*numbers, *map(str, box), *map(str, attributes[row].astype(int)), name]))
    path = folder / "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return ids


def write_vw300(folder: Path, videos: dict[str, Array]) -> list[str]:
    """VIDEO/annot/000001.pts; returns the ids."""
    ids = []
    for video, points in videos.items():
        for frame, face in enumerate(points, start=1):
            write_pts(folder / video / "annot" / f"{frame:06d}.pts", face[:, :2])
            ids.append(f"{video}/{frame:06d}")
    return ids


def write_aflw19(folder: Path, points: Array, visible: Array, training: int) -> list[str]:
    """AFLWinfo_release.mat of `training` faces that nobody scores and these (N, 19, 2); returns the ids of these."""
    count = len(points)
    stored = np.where(np.isfinite(points), points + 0.5, 0.0)
    data = np.concatenate([stored[..., 0], stored[..., 1]], axis=1)
    low, high = np.nanmin(points, axis=1) + 0.5, np.nanmax(points, axis=1) + 0.5
    box = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)
    names = np.array([f"0/image{row:05d}.jpg" for row in range(count + training)], object)
    order = np.concatenate([np.arange(count, count + training), np.arange(count)]) + 1
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "AFLWinfo_release.mat", {
        "data": np.concatenate([data, np.ones((training, 38))]), "bbox": np.concatenate([box, np.ones((training, 4))]),
        "mask_new": np.concatenate([visible, np.ones((training, 19))]).astype(np.float64),
        "nameList": names[:, None], "ra": order[None].astype(np.float64),
    }, do_compression=True)  # fmt: skip
    return [name.removesuffix(".jpg") for name in names[:count]]


def write_aflw21(folder: Path, points: Array, hidden: Array, yaw_deg: Array, fitted: Array | None) -> list[str]:
    """3DDFA's tables of AFLW with the crops' names as pictures; returns the ids."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = np.where(hidden[..., None], -1.0, points + 0.5).transpose(0, 2, 1).astype(np.float32)
    np.save(folder / "AFLW_GT_pts21.npy", stored)
    np.save(folder / "AFLW_GT_crop_yaws.npy", yaw_deg.astype(np.float32))
    if fitted is None:
        (folder / "AFLW_GT_pts68.npy").write_bytes(b"")
    else:
        np.save(folder / "AFLW_GT_pts68.npy", (fitted + 0.5).transpose(0, 2, 1).astype(np.float32))
    for row in range(len(points)):
        picture(folder / f"image{row:05d}.jpg", (60, 60))
    return [f"image{row:05d}" for row in range(len(points))]


def write_predictions(path: Path, ids: list[str], points: Array, **arrays: Array) -> Path:
    """An .npz file of another system; points in our pixels, stored with the first pixel at 0."""
    stored = points.copy()
    stored[..., :2] -= 0.5
    np.savez(path, ids=np.array(ids), points=stored, **arrays)
    return path
