"""What a network says of itself: the metadata of an ONNX file, and of a checkpoint once it is opened."""

import base64
import binascii
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError

FORMAT = "synthgen-network-1"
METADATA_KEY = "synthgen"
METHODS = ("dfc", "densereg", "dal2d", "tddfa_v2", "anisotropic")
POINTS = 68
# Network inputs are (x - LEVEL) / SPAN of uint8 pictures, as in 3DDFA.
LEVEL, SPAN = 127.5, 128.0

Arrays = dict[str, NDArray[Any]]

# Arrays of a card: kind of their numbers and shape, None for any length.
ARRAYS: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "parameter_mean": ("f", (62,)),
    "parameter_stddev": ("f", (62,)),
    "landmark_uv": ("f", (POINTS, 2)),
    "part_chart": ("u", (None, None)),
    "shape_mean": ("f", (POINTS, 2)),
    "shape_basis": ("f", (None, POINTS, 2)),
    "shape_stddev": ("f", (None,)),
    "mean_face": ("u", (None, None, 3)),
}


@dataclass(frozen=True)
class NetworkCard:
    """What is needed to use a network on any picture.

    method: of METHODS. size: (H, W) of its pictures. share: the larger side of the 68 landmarks' box over the smaller
    side of the picture, on average over its training set; its pictures are squares about the middle of that box.
    inputs, outputs: names, in order. options: of the method. model: the `model` section of the recipe of its training
    set, {} when unknown; model_name: of that model, "" when unknown.
    arrays: parameter_mean, parameter_stddev (62,): of the training set, for z-scores of others, the network's outputs
    are parameters. landmark_uv (68, 2): template coordinates of the iBUG points; part_chart (S, S) uint8: parts of the
    template by v (from 1 down to 0) and u. shape_mean (68, 2), shape_basis (M, 68, 2), shape_stddev (M,): see
    landmark_shapes. mean_face (H, W, 3) uint8: what flow leads to.
    """

    method: str
    size: tuple[int, int]
    share: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    model_name: str = ""
    arrays: Arrays = field(default_factory=dict)

    @property
    def needs_landmarks(self) -> bool:
        """Whether its input holds landmarks (dal2d)."""
        return "given_landmarks" in self.inputs

    @property
    def takes_target(self) -> bool:
        """Whether it matches two pictures (dfc, trained on pairs)."""
        return "target" in self.inputs


class Network(Protocol):
    """An ONNX file or a checkpoint, ready to run."""

    @property
    def card(self) -> NetworkCard: ...

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> Arrays:
        """Outputs by name for inputs by name, (N, ...) each."""
        ...


def card_text(card: NetworkCard) -> str:
    """JSON."""
    content = asdict(card) | {"format": FORMAT, "arrays": {name: _packed(array) for name, array in card.arrays.items()}}
    return json.dumps(content)


def read_card(text: str, where: str) -> NetworkCard:
    """The card in `text`. Raises ModelError, naming `where` and the entry, for anything that card_text did not make."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, dict) else None
            raise ModelError(
                f"{where}: its description has format {found!r}, expected {FORMAT}; export the checkpoint again with "
                "python -m training export"
            )
        card = NetworkCard(
            method=str(content["method"]),
            size=(int(content["size"][0]), int(content["size"][1])),
            share=float(content["share"]),
            inputs=tuple(str(name) for name in content["inputs"]),
            outputs=tuple(str(name) for name in content["outputs"]),
            options=dict(content["options"]),
            model=dict(content["model"]),
            model_name=str(content["model_name"]),
            arrays={str(name): _unpacked(entry) for name, entry in content["arrays"].items()},
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, binascii.Error) as error:
        raise ModelError(
            f"{where}: its description is damaged ({type(error).__name__}: {error}); export it again"
        ) from error
    _check(card, where)
    return card


def _check(card: NetworkCard, where: str) -> None:
    if card.method not in METHODS:
        raise ModelError(f"{where}: method {card.method!r}; expected one of {', '.join(METHODS)}")
    if not (0.05 <= card.share <= 1.5 and min(card.size) >= 1 and max(card.size) <= 4096):
        raise ModelError(
            f"{where}: share {card.share:g} of pictures of {card.size}; expected 0.05 to 1.5, and 1 to 4096 px"
        )
    for name, array in card.arrays.items():
        if name not in ARRAYS:
            raise ModelError(f"{where}: unknown array {name!r}; expected {', '.join(ARRAYS)}")
        kind, shape = ARRAYS[name]
        fits = len(shape) == array.ndim and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if array.dtype.kind != kind or not fits or (kind == "f" and not np.isfinite(array).all()):
            raise ModelError(f"{where}: array {name!r} is {array.dtype} {array.shape}; expected finite {shape}")


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    plain = np.ascontiguousarray(array)
    return {"dtype": plain.dtype.str, "shape": list(plain.shape), "data": base64.b64encode(plain.tobytes()).decode()}


def _unpacked(entry: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(entry["dtype"])
    if dtype.kind not in "fu":
        raise ValueError(f"an array of type {dtype}")
    data = base64.b64decode(entry["data"], validate=True)
    return np.frombuffer(data, dtype).reshape([int(side) for side in entry["shape"]]).copy()
