"""`synthgen predict` from file to file, with tiny ONNX files, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import typer
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from synthgen.cli.failures import with_exit_codes
from synthgen.cli.predict import predict
from synthgen.predict.card import METADATA_KEY, card_text
from synthgen.report.tiles import save_picture
from tests.predict.networks import card

app = typer.Typer()
app.command()(with_exit_codes(predict))
POINTS = np.random.default_rng(0).uniform(10, 50, (68, 2)).astype(np.float32)


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "400"})
    return result.exit_code, result.output


def write_onnx(
    path: Path, described: str | None, inputs: tuple[str, ...] = ("picture",), output: str = "landmarks"
) -> Path:
    """A network that answers POINTS for every picture: POINTS + 0 times the mean of the picture."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, 64, 64]) for name in inputs]
    nodes = [
        helper.make_node("ReduceMean", [inputs[0]], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "shape"], ["column"]),
        helper.make_node("Add", ["column", "points"], [output]),
    ]
    constants = {"zero": np.float32(0), "shape": np.array([-1, 1, 1]), "points": POINTS[None]}
    graph = helper.make_graph(
        nodes,
        "points",
        values,
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 68, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if described is not None:
        helper.set_model_props(model, {METADATA_KEY: described})
    onnx.save(model, str(path))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        save_picture(random.integers(0, 255, (120, 160, 3)).astype(np.uint8), folder / name)
    return folder


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "points.onnx", card_text(card("anisotropic", ("landmarks",))))


def test_drawings_and_numbers(tmp_path: Path, photos: Path, network: Path) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"a.png": [[20, 30, 60, 70], [90, 30, 130, 70]], "b.png": [0, 0, 160, 120]}))
    code, text = run(network, photos, "--boxes", boxes, "--tight", "-o", tmp_path / "out")
    assert code == 0 and "3 faces" in text
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {f"{stem}{end}" for stem in ("a", "a-2", "b") for end in (".png", ".npz")} | {
        "predictions.json",
        "sheet.png",
    }
    content = json.loads((tmp_path / "out" / "predictions.json").read_text())
    first, second, third = content["faces"]
    # 40 px are half of the crop: 80 px about (40, 50), and 320 px about (80, 60).
    assert (first["name"], first["picture"], first["crop"]) == ("a", "a.png", [0.0, 10.0, 80.0])
    np.testing.assert_allclose(first["landmarks"], POINTS * 80 / 64 + (0, 10), atol=1e-4)
    np.testing.assert_allclose(second["landmarks"], POINTS * 80 / 64 + (70, 10), atol=1e-4)
    np.testing.assert_allclose(third["landmarks"], POINTS * 320 / 64 + (-80, -100), atol=1e-4)
    with np.load(tmp_path / "out" / "a-2.npz") as arrays:
        np.testing.assert_allclose(arrays["landmarks"], second["landmarks"], atol=1e-5)
        np.testing.assert_allclose(arrays["crop_matrix"], [[0.8, 0, -56], [0, 0.8, -8]])
    with Image.open(tmp_path / "out" / "sheet.png") as sheet, Image.open(tmp_path / "out" / "b.png") as row:
        assert sheet.height == 3 * row.height


def test_whole_pictures(tmp_path: Path, photos: Path, network: Path) -> None:
    code, _ = run(network, photos / "a.png", "-o", tmp_path / "out")
    (face,) = json.loads((tmp_path / "out" / "predictions.json").read_text())["faces"]
    assert code == 0 and face["crop"] == [0.0, -20.0, 160.0] and face["box"] is None


def test_files_that_are_refused(tmp_path: Path, photos: Path) -> None:
    def refused(path: Path, *more: Any) -> str:
        code, text = run(path, photos, "-o", tmp_path / "out", *more)
        assert code != 0 and not (tmp_path / "out").exists()
        return text

    assert "no such file" in refused(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    assert "not an ONNX file that can be run" in refused(tmp_path / "text.onnx")
    assert "an ONNX file of another program" in refused(write_onnx(tmp_path / "foreign.onnx", None))
    assert "is damaged" in refused(write_onnx(tmp_path / "damaged.onnx", "{"))
    other = write_onnx(tmp_path / "other.onnx", card_text(card("anisotropic", ("points",))))
    assert "inputs and outputs are not those it describes" in refused(other)


def test_requests_that_are_refused(tmp_path: Path, photos: Path, network: Path) -> None:
    def refused(*arguments: object) -> str:
        code, text = run(network, *arguments)
        assert code != 0
        return text

    assert "is the folder of the photos" in refused(photos, "-o", photos)
    assert "does not exist" in refused(photos, "-o", tmp_path / "out", "--boxes", tmp_path / "none.csv")
    assert "--target is for dfc" in refused(photos, "-o", tmp_path / "out", "--target", photos / "a.png")
    (tmp_path / "empty").mkdir()
    assert "holds no picture" in refused(tmp_path / "empty", "-o", tmp_path / "out")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("picture,left,top,right,bottom\na.png,500,1,520,20\n")
    assert "lies outside the picture of 160 x 120 px" in refused(photos, "-o", tmp_path / "out", "--boxes", boxes)


def test_pairs_need_a_target(tmp_path: Path, photos: Path) -> None:
    described = card_text(card("dfc", ("landmarks",), inputs=("source", "target")))
    code, text = run(write_onnx(tmp_path / "p.onnx", described, ("source", "target")), photos, "-o", tmp_path / "out")
    assert code == 2 and "give --target PHOTO" in text
