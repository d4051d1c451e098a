"""Weights of other people's networks as the beginning of ours: names by rules, and a report of what was taken."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import nn

from synthgen.core.errors import DatasetError

Rules = Mapping[str, str | None]  # regular expression -> replacement; None leaves the tensor out

# Last layers, whose number of outputs may be another one.
_HEAD = re.compile(r"(^|\.)(heads?\.|layers\.\d+\.(weight|bias)$)")
_TRUNK_LAYER = re.compile(r"\.stages\.")

# torchvision's and timm's names of resnet18 to resnet152, with the stride in the 3 x 3 as ours.
_RESNET = {
    r"^conv1\.": "stages.0.0.",
    r"^bn1\.": "stages.0.1.",
    **{rf"^layer{number}\.": f"stages.{number + 1}." for number in range(1, 5)},
    **{rf"\.conv{number}\.": f".layers.{number - 1}.0." for number in range(1, 4)},
    **{rf"\.bn{number}\.": f".layers.{number - 1}.1." for number in range(1, 4)},
    r"\.downsample\.": ".shortcut.",
    r"^stages\.": "trunk.stages.",
    r"^fc\.": None,  # 1000 classes of ImageNet
}
_TDDFA_BLOCKS = ("dw2_1", "dw2_2", "dw3_1", "dw3_2", "dw4_1", "dw4_2", *(f"dw5_{n}" for n in range(1, 7)), "dw6")
# 3DDFA_V2's models/mobilenet_v1.py; with its landmark head the last layer is called fc_param.
_TDDFA_MOBILENET = {
    r"^module\.": "",
    r"^conv1\.": "features.0.0.",
    r"^bn1\.": "features.0.1.",
    **{rf"^{block}\.(conv|bn)_dw\.": rf"features.{2 * n + 1}.\1." for n, block in enumerate(_TDDFA_BLOCKS)},
    **{rf"^{block}\.(conv|bn)_sep\.": rf"features.{2 * n + 2}.\1." for n, block in enumerate(_TDDFA_BLOCKS)},
    r"\.conv\.": ".0.",
    r"\.bn\.": ".1.",
    r"^fc(_param)?\.": "heads.linear.0.",
    r"^fc_lm\.": "heads.linear.1.",
}
NAME_MAPS: dict[str, Rules] = {"torchvision_resnet": _RESNET, "tddfa_v2_mobilenet": _TDDFA_MOBILENET}


@dataclass(frozen=True)
class InitialWeights:
    """loaded: name in the file -> name in the network; widened: those of them that fill the first channels of a layer
    alone, the others being 0; skipped: name in the file -> why; untouched: what the network keeps as it was."""

    loaded: dict[str, str]
    widened: list[str]
    skipped: dict[str, str]
    untouched: list[str]

    def __str__(self) -> str:
        return (
            f"{len(self.loaded)} tensors loaded, {len(self.skipped)} skipped, {len(self.untouched)} left as they were"
        )

    def content(self) -> dict[str, object]:
        """As JSON values."""
        return asdict(self)


def load_initial_weights(
    network: nn.Module, weights: Mapping[str, torch.Tensor], source: str, maps: Sequence[str | Rules] = ()
) -> InitialWeights:
    """Fill a network from tensors of a file; see `mapped_name` for the names.

    A tensor is skipped when it maps to nothing that the network has, or to a head of another shape. A first layer for
    RGB fills the first three channels of one that sees more (dal2d's heat map).
    Raises DatasetError when another shape differs, two tensors map to one, or nothing can be loaded.
    """
    own = network.state_dict()
    loaded: dict[str, str] = {}
    widened: list[str] = []
    skipped: dict[str, str] = {}
    for foreign, tensor in weights.items():
        name = mapped_name(foreign, maps)
        if name not in own:
            skipped[foreign] = f"the network has no {name}" if name else "left out by the map"
            continue
        if name in loaded.values():
            twin = next(other for other, taken in loaded.items() if taken == name)
            raise DatasetError(
                f"{source}: {twin} and {foreign} both map to {name}; make init_map's rules tell them apart"
            )
        shape, wanted = tuple(tensor.shape), tuple(own[name].shape)
        if shape == wanted:
            own[name] = tensor.to(own[name].dtype)
        elif _is_first_layer(shape, wanted):
            own[name] = torch.zeros_like(own[name])
            own[name][:, :3] = tensor.to(own[name].dtype)
            widened.append(foreign)
        elif _HEAD.search(name) and not _TRUNK_LAYER.search(name):
            skipped[foreign] = f"{name} is a head of shape {wanted}, not {shape}"
            continue
        else:
            raise DatasetError(
                f"{source}: {foreign} has shape {shape}, but {name} of the network {wanted}; choose the network that "
                'the file was made for, or leave the tensor out with a rule of init_map, {"^...": null}'
            )
        loaded[foreign] = name
    if not loaded:
        raise DatasetError(
            f"{source}: none of its {len(weights)} tensors has a name of the network's; it has {_some(weights)}, the "
            f"network {_some(own)}; init_map says which are the same, and knows {', '.join(NAME_MAPS)}"
        )
    network.load_state_dict(own)
    taken = set(loaded.values())
    return InitialWeights(loaded, widened, skipped, [name for name in own if name not in taken])


def mapped_name(foreign: str, maps: Sequence[str | Rules]) -> str:
    """The network's name of a tensor, "" when it is to be left out.

    Each map is one of NAME_MAPS, or regular expressions -> replacements. All rules are applied in order, each to what
    the one before has made of the name.
    """
    name = foreign
    for entry in maps:
        for pattern, replacement in (NAME_MAPS[entry] if isinstance(entry, str) else entry).items():
            if replacement is not None:
                name = re.sub(pattern, replacement, name)
            elif re.search(pattern, name):
                return ""
    return name


def _is_first_layer(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    same = len(shape) == len(wanted) == 4 and shape[0] == wanted[0] and shape[2:] == wanted[2:]
    return same and shape[1] == 3 and wanted[1] > 3


def _some(names: Mapping[str, torch.Tensor]) -> str:
    return ", ".join(list(names)[:3]) + " ..."
