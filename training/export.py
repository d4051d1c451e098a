"""Networks as ONNX files that carry what is needed to use them."""

import json
import warnings
from pathlib import Path

import torch
from torch import nn

from training.methods.dal2d import Dal2d
from training.methods.dfc import Dfc
from training.restore import Restored, restore


class _Deployed(nn.Module):
    """What is exported of a network: outputs in a fixed order, as tensors."""

    def __init__(self, restored: Restored) -> None:
        super().__init__()
        self.network, self.method = restored.network, restored.method

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Outputs named by `output_names`."""
        if isinstance(self.method, Dfc):
            flow, logits = self.network(*inputs)
            return flow * self.method.options.flow_scale, logits.softmax(dim=1)[:, 1:]
        if isinstance(self.method, Dal2d):
            return (self.network("regress", inputs[0]),)
        outputs: dict[str, torch.Tensor] = self.network(inputs[0])
        return tuple(outputs.values())


def deployed(restored: Restored) -> tuple[nn.Module, tuple[torch.Tensor, ...], list[str], list[str]]:
    """Module, example inputs, and names of inputs and outputs."""
    height, width = restored.size
    module = _Deployed(restored).eval()
    channels = 4 if isinstance(restored.method, Dal2d) else 3
    example = torch.zeros(1, channels, height, width)
    if isinstance(restored.method, Dfc):
        return module, (example, torch.zeros(1, 3, height, width)), ["source", "target"], ["flow", "matchability"]
    names = ["parameters"] if isinstance(restored.method, Dal2d) else list(restored.network(example).keys())
    return module, (example,), ["picture"], names


def export_onnx(checkpoint: Path, file: Path) -> None:
    """Write the network of a checkpoint; metadata: method, options, facts and size as JSON. Raises DatasetError."""
    import onnx

    restored = restore(checkpoint)
    module, inputs, input_names, output_names = deployed(restored)
    file.parent.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own future
        program = torch.onnx.export(
            module,
            inputs,
            dynamo=True,
            input_names=input_names,
            output_names=output_names,
            dynamic_shapes={"inputs": tuple({0: batch} for _ in inputs)},
            verbose=False,
        )
    assert program is not None
    program.save(str(file))
    model = onnx.load(str(file))
    facts = {"method": restored.recipe.method, "size": list(restored.size), **restored.facts}
    onnx.helper.set_model_props(model, {"synthgen": json.dumps(facts)})
    onnx.save(model, str(file))
