"""Networks that return known values, to follow numbers from a picture and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.predict.card import LEVEL, SPAN, Arrays, NetworkCard


@dataclass
class Stub:
    """Calls `answer` with its inputs, as uint8 pictures (N, H, W, 3) where they are pictures."""

    card: NetworkCard
    answer: Callable[..., Arrays]

    def run(self, inputs: dict[str, NDArray[Any]]) -> Arrays:
        def seen(value: NDArray[Any]) -> NDArray[Any]:
            return np.rint(value * SPAN + LEVEL).transpose(0, 2, 3, 1).astype(np.uint8) if value.ndim == 4 else value

        return self.answer(**{name: seen(value) for name, value in inputs.items()})


def card(method: str, outputs: tuple[str, ...], **changes: Any) -> NetworkCard:
    plain = {"size": (64, 64), "share": 0.5, "inputs": ("picture",), "outputs": outputs}
    return NetworkCard(method=method, **(plain | changes))


def spot_finder() -> Stub:
    """Says that all landmarks lie at the middle of what is red."""

    def answer(picture: NDArray[np.uint8]) -> Arrays:
        red = picture[..., 0].astype(float)
        x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5)
        total = red.sum(axis=(1, 2))
        place = np.stack([(red * x).sum(axis=(1, 2)), (red * y).sum(axis=(1, 2))], axis=-1) / total[:, None]
        return {"landmarks": np.repeat(place[:, None], 68, axis=1).astype(np.float32)}

    return Stub(card("anisotropic", ("landmarks",)), answer)


def coordinate_reader(**arrays: NDArray[Any]) -> Stub:
    """densereg for pictures that are painted with their template coordinates: u in red, v in green, face in blue."""

    def answer(picture: NDArray[np.uint8]) -> Arrays:
        uv = picture[..., :2].astype(np.float32) / 255
        uv[picture[..., 2] < 250] = np.nan  # pixels that are mixed with what lies beside a face are none
        return {"uv": uv.transpose(0, 3, 1, 2)}

    return Stub(card("densereg", ("uv",), arrays=arrays), answer)
