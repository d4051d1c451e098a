"""Whether a checkpoint and its ONNX file are the same network."""

import numpy as np

from synthgen.predict.card import Network, NetworkCard

MOST_APART = 1e-4  # of an output, by its largest value where that is more than 1


def same_cards(one: NetworkCard, other: NetworkCard) -> None:
    """Assert that both say the same of themselves."""
    for name in ("method", "size", "share", "inputs", "outputs", "options", "model", "model_name"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(other.arrays[name], array)


def same_outputs(one: Network, other: Network) -> None:
    """Assert that both answer three random pictures alike."""
    random = np.random.default_rng(0)
    shape = {"given_landmarks": (3, 68, 2)}
    given = {
        name: random.standard_normal(shape.get(name, (3, 3, *one.card.size))).astype(np.float32)
        for name in one.card.inputs
    }
    expected, found = one.run(given), other.run(given)
    for name in one.card.outputs:
        scale = max(float(np.nanmax(np.abs(expected[name]), initial=0.0)), 1.0)
        same = np.isclose(expected[name], found[name], rtol=0.0, atol=MOST_APART * scale, equal_nan=True)
        # uv jumps where two bins are equally likely.
        assert same.mean() > 0.999 if name == "uv" else same.all(), name
