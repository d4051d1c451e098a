"""Cards survive JSON, and damaged ones are refused."""

import json
from typing import Any

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.predict.card import NetworkCard, card_text, read_card

ARRAYS = {
    "landmark_uv": np.random.default_rng(0).random((68, 2)).astype(np.float32),
    "part_chart": np.eye(3, dtype=np.uint8),
}
CARD = NetworkCard(
    "densereg", (96, 64), 0.575, ("picture",), ("uv",), {"bins": 10}, {"source": "procedural"}, "x", ARRAYS
)


def test_a_card_comes_back() -> None:
    found = read_card(card_text(CARD), "x")
    for name in ("method", "size", "share", "inputs", "outputs", "options", "model", "model_name"):
        assert getattr(found, name) == getattr(CARD, name)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def changed(**changes: Any) -> str:
    return json.dumps(json.loads(card_text(CARD)) | changes)


def packed(**entry: Any) -> dict[str, Any]:
    plain = json.loads(card_text(CARD))["arrays"]["landmark_uv"]
    return {"landmark_uv": plain | entry}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("[]", "has format None"),
        (changed(format="synthgen-network-0"), "expected synthgen-network-1; export the checkpoint again"),
        (changed(size=[96]), "damaged"),
        (changed(size=None), "damaged"),
        (changed(method="yolo"), "method 'yolo'; expected one of dfc"),
        (changed(share=0), "share 0 of pictures"),
        (changed(size=[10**9, 4]), "1 to 4096 px"),
        (changed(arrays={"weights": packed()["landmark_uv"]}), "unknown array 'weights'"),
        (changed(arrays=packed(shape=[2, 68])), "array 'landmark_uv' is"),
        (changed(arrays=packed(shape=[68, 3])), "damaged"),
        (changed(arrays=packed(dtype="|O")), "damaged"),
        (changed(arrays=packed(data="!!")), "damaged"),
        (changed(arrays=packed(data="AAAAAAAA")), "damaged"),
        (json.dumps({key: value for key, value in json.loads(card_text(CARD)).items() if key != "inputs"}), "damaged"),
    ],
)  # fmt: skip
def test_cards_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_card(text, "file.onnx")


def test_numbers_must_be_finite() -> None:
    bad = {"landmark_uv": np.full((68, 2), np.nan, np.float32)}
    with pytest.raises(ModelError, match="expected finite"):
        read_card(card_text(NetworkCard("densereg", (9, 9), 0.5, (), (), arrays=bad)), "x")
