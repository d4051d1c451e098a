"""Networks as ONNX files that carry what is needed to use them."""

import warnings
from pathlib import Path

import torch

from synthgen.predict.card import METADATA_KEY, card_text
from training.deployed import Deployed, network_card
from training.restore import restore


def export_onnx(checkpoint: Path, file: Path) -> None:
    """Write the network of a checkpoint, its card as metadata. Raises DatasetError."""
    import onnx

    restored = restore(checkpoint)
    module = Deployed(restored).eval()
    file.parent.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own future
        program = torch.onnx.export(
            module,
            module.examples,
            dynamo=True,
            input_names=list(module.input_names),
            output_names=list(module.output_names),
            dynamic_shapes={"inputs": tuple({0: batch} for _ in module.examples)},
            verbose=False,
        )
    assert program is not None
    program.save(str(file))
    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, {METADATA_KEY: card_text(network_card(restored, module))})
    onnx.save(model, str(file))
