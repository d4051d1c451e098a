"""Flow to the mean face out of a dataset of photos: its pictures are fitted again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import UsageError
from synthgen.dataset.manifest import MANIFEST_FILE
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.fittings.flow_set import FlowPicture, match_weight


@dataclass(frozen=True)
class FlowDataset:
    """The pictures of a dataset of kind fittings; as flow_set.FlowSet. backward: whether only that flow is stored;
    principal: (N, 2) px, of the crops' perspective cameras, NaN where they are of the other kind."""

    names: tuple[str, ...]
    photos: tuple[str, ...]
    size: tuple[int, int]
    clips: NDArray[np.int64] | None
    dataset: Dataset
    backward: bool
    principal: NDArray[np.float64]

    def picture(self, row: int) -> FlowPicture:
        """The flow of one sample. Raises DatasetError when it is damaged."""
        arrays = self.dataset[row]
        suffix = "_backward" if self.backward else ""
        code = arrays["matchability" + suffix]
        image = arrays.get("image")
        weight = match_weight(code, f"{self.dataset.path}: matchability")
        return FlowPicture(
            arrays["flow" + suffix], weight, self.backward, image, np.full((68, 2), np.nan), self.principal[row]
        )


def is_dataset(path: Path) -> bool:
    """Whether a folder is a dataset."""
    return (path / MANIFEST_FILE).is_file()


def open_flow_dataset(path: Path) -> FlowDataset:
    """The pictures of a dataset. Raises DatasetError, and UsageError for one without flow to the mean face."""
    dataset = open_dataset(path)
    kind = dataset.recipe["kind"]
    if kind != "fittings":
        raise UsageError(f"{path}: a dataset of kind {kind}; flow to the mean face is in datasets of kind fittings")
    backward = "flow" not in dataset.array_names
    wanted = ["flow_backward", "matchability_backward"] if backward else ["flow", "matchability"]
    if not set(wanted) <= set(dataset.array_names):
        raise UsageError(f"{path}: the dataset stores no flow; make it with --labels image,flow,matchability")
    if "image" in dataset.array_names:
        wanted.append("image")
    table = dataset.table
    names = [str(name) for name in table["name"].to_pylist()]
    copies = table["copy"].to_pylist()
    unique = tuple(name if not copy else f"{name}-{copy}" for name, copy in zip(names, copies))
    height, width = dataset.recipe["size"]
    principal = np.full((len(names), 2), np.nan)
    if "focal_px" in table.column_names:
        principal = np.stack([table[f"principal_{axis}"].to_numpy() for axis in "xy"], axis=-1).astype(np.float64)
    selected = dataset.with_labels(*wanted)
    return FlowDataset(unique, ("",) * len(unique), (height, width), None, selected, backward, principal)
