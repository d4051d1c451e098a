"""Part labels and flow files in the formats of their releases."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.protocol import Request
from eval.protocols import flow_files, helen_parts
from eval.readers.flow_files import read_flo
from eval.readers.part_pictures import find_parts, load_parts, read_parts
from synthgen.core.errors import DatasetError, UsageError


def save(path: Path, numbers: list[list[int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(numbers, np.uint8)).save(path)


def helen(folder: Path, name: str, labels: list[list[int]]) -> None:
    """Helen's release: a picture for each label, 255 where it holds, and noise elsewhere."""
    for number in range(11):
        save(
            folder / name / f"{name}_lbl{number:02d}.png",
            [[255 if one == number else 3 for one in row] for row in labels],
        )


def test_helen_labels_become_ours(tmp_path: Path) -> None:
    helen(tmp_path, "a", [list(range(11))])
    (path,) = find_parts(tmp_path).values()
    #          bg skin l-brow r-brow l-eye r-eye nose upper inner lower hair; left of the picture is the subject's right
    assert load_parts(path).tolist() == [[0, 8, 3, 4, 1, 2, 7, 5, 0, 6, 0]]


def test_iou_is_summed_over_the_set(tmp_path: Path) -> None:
    data, said = tmp_path / "data", tmp_path / "said"
    save(data / "a.png", [[1, 1, 8]])
    save(data / "b.png", [[1, 8, 8]])
    save(said / "a.png", [[1, 8, 8]])
    save(said / "b.png", [[1, 1, 0]])
    values = {n.metric: n.value for n in helen_parts.run(Request(data, predictions=said, resamples=0)).numbers}
    assert values == {"IoU right eye": 50.0, "IoU other": 25.0, "IoU average": 37.5}
    (said / "b.png").unlink()
    with pytest.raises(UsageError, match="1 of 2 pictures"):
        helen_parts.run(Request(data, predictions=said))
    failed = helen_parts.run(Request(data, predictions=said, missing="fail", resamples=0))
    assert failed.numbers[0].value == pytest.approx(100 / 3)
    kept = helen_parts.run(Request(data, predictions=said, missing="exclude", resamples=0))
    assert kept.numbers[0].value == 50.0


def test_wrong_part_pictures(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[9]])
    with pytest.raises(DatasetError, match="class 9"):
        read_parts(tmp_path / "a.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "b.png")
    with pytest.raises(DatasetError, match="one channel"):
        read_parts(tmp_path / "b.png")
    with pytest.raises(DatasetError, match="no part labels"):
        find_parts(tmp_path.joinpath("a.png").parent / "empty" if (tmp_path / "empty").mkdir() is None else tmp_path)


def flo(path: Path, flow: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = flow.shape[:2]
    head = np.float32(202021.25).tobytes() + np.array([width, height], "<i4").tobytes()
    path.write_bytes(head + flow.astype("<f4").tobytes())


def test_flow_files_by_hand(tmp_path: Path) -> None:
    flow = np.zeros((2, 3, 2))
    flow[0, 0] = 1e10
    flo(tmp_path / "data" / "0.flo", flow)
    flo(tmp_path / "said" / "0.flo", np.broadcast_to([3.0, 4.0], (2, 3, 2)))
    assert np.isnan(read_flo(tmp_path / "data" / "0.flo")[0, 0]).all()
    result = flow_files.run(Request(tmp_path / "data", predictions=tmp_path / "said", resamples=0))
    assert [number.value for number in result.numbers] == [5.0, pytest.approx(0.0)]
    flo(tmp_path / "said" / "0.flo", flow * np.nan)
    with pytest.raises(DatasetError, match="unknown where"):
        flow_files.run(Request(tmp_path / "data", predictions=tmp_path / "said"))


@pytest.mark.parametrize("content", [b"", b"PIEH", np.float32(202021.25).tobytes() + b"\xff" * 8, b"x" * 40])
def test_files_that_are_no_flow(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.flo").write_bytes(content)
    with pytest.raises(DatasetError, match="a.flo"):
        read_flo(tmp_path / "a.flo")
