"""Florence and MICC on small scans in the release's layout: copies have no error, larger heads a known one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.protocol import Request
from eval.protocols import florence, micc
from eval.published_tables import tables_of
from eval.reconstructed_heads import head_of
from eval.reconstruction import Alignment
from eval.registration import Transform
from eval.scan_pictures import SIDE, pose_name, render_scan
from eval.scan_set import find_scans, load_landmarked
from eval.scans import Scan
from synthgen.core.errors import DatasetError, UsageError
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.open_model import open_model
from synthgen.predict.card import NetworkCard
from synthgen.recipe.sections import ProceduralModel
from tests.eval.test_benchmark_model import Fixed

MOVED = Transform(1.0, rotation_from_euler(np.array([0.1, 0.3, -0.2])), np.array([5.0, 80.0, -20.0]))


@pytest.fixture(scope="module")
def head() -> tuple[Scan, np.ndarray, np.ndarray]:
    """A bump of 576 vertices that no turn brings onto itself, 68 landmarks, and the vertices that they are."""
    side = 24
    x, y = np.meshgrid(np.linspace(-60, 60, side), np.linspace(60, -60, side))
    z = 30 * np.exp(-(x**2 + y**2) / 900) - (x**2 + 2 * y**2) / 150 + 6 * np.sin(x / 15) * np.cos(y / 25)
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    below = corner + side
    triangles = np.concatenate(
        [np.stack([corner, below, corner + 1], axis=1), np.stack([corner + 1, below, below + 1], axis=1)]
    )
    numbers = np.linspace(100, 470, 68).astype(np.int64)
    places = {30: (0, 0), 36: (-45, 30), 39: (-20, 30), 42: (20, 30), 45: (45, 30), 31: (-15, -10), 35: (15, -10),
              48: (-25, -35), 54: (25, -35)}  # fmt: skip
    for landmark, place in places.items():
        numbers[landmark] = np.linalg.norm(vertices[:, :2] - place, axis=1).argmin()
    return Scan(vertices, triangles, np.full((side**2, 3), 190, np.uint8)), vertices[numbers], numbers


def save(path: Path, scan: Scan, points: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in scan.vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in scan.triangles + 1]
    path.write_text("\n".join(lines) + "\n")
    if points is not None:
        content = {"version": 2, "landmarks": {"points": points.tolist()}}
        path.with_suffix(".ljson").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def released(head, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("florence")
    scan, points, _ = head
    save(folder / "subject_01" / "Model" / "frontal1" / "obj" / "110920.obj", scan, points)
    return folder


def test_the_release_is_found(released: Path, head) -> None:
    (file,) = find_scans(released)
    assert (file.name, file.subject) == ("subject_01/frontal1", "subject_01")
    scan, points = load_landmarked(file, released)
    np.testing.assert_allclose(scan.vertices, head[0].vertices, atol=1e-8)
    np.testing.assert_allclose(points, head[1])


def predictions(folder: Path, head, transform: Transform, poses) -> Path:
    scan, _, numbers = head
    np.savetxt(folder / "landmarks.txt", numbers, fmt="%d")
    for pose in poses:
        save(
            folder / "subject_01" / "frontal1" / f"{pose}.obj",
            Scan(transform(scan.vertices), scan.triangles, scan.colours),
        )
    return folder


def test_copies_and_larger_heads(released: Path, head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.reconstruction_run.PITCHES_DEG", (-20,))
    monkeypatch.setattr("eval.reconstruction_run.YAWS_DEG", (-40, 40))
    poses = [pose_name(-20, yaw) for yaw in (-40, 40)]
    larger = Transform(1.1, MOVED.rotation, MOVED.shift)
    result = florence.run(Request(released, predictions=predictions(tmp_path, head, larger, poses), resamples=0))
    values = {number.key: number.value for number in result.numbers}
    assert values["similarity, whole: NME to nearest vertex / outer eye corners"] == pytest.approx(0.0, abs=1e-4)
    assert values["similarity, 95 mm: symmetric distance"] == pytest.approx(0.0, abs=1e-4)
    assert values["rigid, whole: symmetric distance"] > 1.0
    assert values["similarity, whole: point to plane, yaw -40"] == pytest.approx(0.0, abs=1e-4)
    assert result.errors[0].ids == tuple(f"subject_01/frontal1/{pose}" for pose in poses)
    columns = [column for table in tables_of("florence") for column in table.columns if column.protocol == "florence"]
    assert columns and all(f"{column.variant}: {column.metric}" in values for column in columns)
    assert result.draw is not None and result.draw(result.errors[0].ids[0]).shape == (SIDE, SIDE, 3)


def test_missing_reconstructions(released: Path, head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.reconstruction_run.PITCHES_DEG", (-20,))
    monkeypatch.setattr("eval.reconstruction_run.YAWS_DEG", (-40, 40))
    with pytest.raises(UsageError, match="holds no reconstruction"):
        florence.run(Request(released, predictions=tmp_path))
    folder = predictions(tmp_path, head, MOVED, [pose_name(-20, 40)])
    with pytest.raises(UsageError, match="1 of 2 have no reconstruction"):
        florence.run(Request(released, predictions=folder))
    result = florence.run(Request(released, predictions=folder, missing="exclude", resamples=0))
    assert any("left out" in note for note in result.notes)


def test_a_network_reconstructs_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that always says the parameters of the scan has no error, one that says another head has some."""
    monkeypatch.setattr("eval.reconstruction_run.PITCHES_DEG", (-20,))
    monkeypatch.setattr("eval.reconstruction_run.YAWS_DEG", (40,))
    monkeypatch.setattr(florence, "ALIGNMENTS", {"similarity, whole": Alignment(with_scale=True, iterations=5)})
    model = open_model(ProceduralModel())
    said, other = np.zeros((2, 62), np.float32)
    said[12:17], other[12:17] = (2, -1, 1, 0, 1), (-2, 2, 0, 1, -1)
    save(tmp_path / "subject_01.obj", *head_of(model, said))
    card = NetworkCard("tddfa_v2", (32, 32), 0.7, ("picture",), ("parameters", "landmarks"),
                       model={"source": "procedural"})  # fmt: skip
    errors = []
    for parameters in (said, other):
        network = Fixed(card, {"parameters": parameters, "landmarks": np.zeros((68, 2), np.float32)})
        monkeypatch.setattr("eval.networks.open_network", lambda path, network=network: network)
        result = florence.run(Request(tmp_path, model=tmp_path, resamples=0))
        assert network.seen["picture"].shape == (1, 3, 32, 32) and result.errors[0].ids == (
            "subject_01/pitch-20_yaw40",
        )
        errors.append(result.numbers[0].value)
    assert errors[0] == pytest.approx(0.0, abs=1e-3) and errors[1] > 0.1
    headless = replace(card, outputs=("landmarks",))
    monkeypatch.setattr("eval.networks.open_network", lambda path: Fixed(headless, {}))
    with pytest.raises(UsageError, match="reconstructs no heads"):
        florence.run(Request(tmp_path, model=tmp_path))


def test_micc_takes_the_nearer_scan(head, tmp_path: Path) -> None:
    scan, points, numbers = head
    data = tmp_path / "scans"
    wrong = Scan(scan.vertices * [1.0, 1.15, 1.0], scan.triangles, scan.colours)
    save(data / "subject_07" / "Model" / "frontal1" / "obj" / "a.obj", wrong, points * [1.0, 1.15, 1.0])
    save(data / "subject_07" / "Model" / "frontal2" / "obj" / "b.obj", scan, points)
    heads = tmp_path / "heads"
    save(heads / "PTZ-Indoor" / "subject_07.obj", Scan(MOVED(scan.vertices), scan.triangles, scan.colours))
    np.savetxt(heads / "landmarks.txt", numbers, fmt="%d")
    result = micc.run(Request(data, predictions=heads, resamples=0))
    assert [number.key for number in result.numbers][0] == "PTZ-Indoor: symmetric distance"
    assert result.numbers[0].value == pytest.approx(0.0, abs=1e-4)
    (heads / "PTZ-Indoor" / "subject_07.obj").rename(heads / "PTZ-Indoor" / "subject_08.obj")
    with pytest.raises(UsageError, match="no scan"):
        micc.run(Request(data, predictions=heads))


def test_pictures_of_scans_show_the_pose() -> None:
    """300W-LP's yaw > 0 moves the nose to image left, its pitch < 0 down (CONVENTIONS B1)."""
    scan, points = head_of(open_model(ProceduralModel()), np.zeros(62))
    front, left, down = (render_scan(scan, points, *pose) for pose in ((0, 0), (0, 40), (-25, 0)))
    eyes = [shown.landmarks[[36, 45]].mean(axis=0) for shown in (front, left, down)]
    nose = [shown.landmarks[30] - middle for shown, middle in zip((front, left, down), eyes, strict=True)]
    assert nose[1][0] < nose[0][0] - 5 and nose[2][1] > nose[0][1] + 5
    assert np.ptp(front.landmarks, axis=0).max() == pytest.approx(0.5 * SIDE, rel=1e-6)
    covered = np.abs(front.picture.astype(int) - front.picture[0, 0]).max(axis=-1) > 8
    at = np.floor(front.landmarks[17:]).astype(int)
    # Between the lips there is no surface.
    assert covered[at[:, 1], at[:, 0]].mean() > 0.85 and not covered[0].any()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.ljson", "{}", "not menpo"),
        ("a.ljson", '{"landmarks": {"points": [[1, 2, 3]]}}', r"expected \(68, 3\)"),
        ("a.txt", "1 2", r"expected \(68, 3\)"),
        ("a.txt", "rubbish", "68 lines"),
        ("landmarks.txt", "1\n2\n", "expected 68 numbers of vertices"),
        ("other.txt", "", "has no landmarks"),
    ],
)
def test_wrong_landmark_files(head, tmp_path: Path, name: str, content: str, expected: str) -> None:
    save(tmp_path / "a.obj", head[0])
    (tmp_path / name).write_text(content)
    (file,) = find_scans(tmp_path)
    with pytest.raises(DatasetError, match=expected):
        load_landmarked(file, tmp_path)


def test_unknown_landmarks_are_nan(head, tmp_path: Path) -> None:
    scan, _, numbers = head
    save(tmp_path / "a.obj", scan)
    np.savetxt(tmp_path / "landmarks.txt", np.where(np.arange(68) < 17, -1, numbers), fmt="%d")
    _, points = load_landmarked(find_scans(tmp_path)[0], tmp_path)
    assert np.isnan(points[:17]).all() and np.isfinite(points[17:]).all()


def test_folders_without_scans(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        find_scans(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="holds no scans"):
        find_scans(tmp_path)
