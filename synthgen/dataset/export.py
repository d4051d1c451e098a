"""Copies of a dataset in the formats of other tools: the table of formats, one file each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.errors import UsageError
from synthgen.dataset.export_coco import coco_labels, write_coco
from synthgen.dataset.export_files import write_files
from synthgen.dataset.export_flo import write_flo
from synthgen.dataset.export_kitti import write_kitti
from synthgen.dataset.export_parquet import write_parquet
from synthgen.dataset.export_webdataset import write_webdataset
from synthgen.dataset.layout import label_of
from synthgen.dataset.reader import Dataset
from synthgen.dataset.whole_file import create_whole_folder


@dataclass(frozen=True)
class ExportFormat:
    """One format.

    write(dataset, folder, positions): fills the folder; needs(dataset): labels without which it cannot be written.
    """

    write: Callable[[Dataset, Path, Sequence[int]], None]
    needs: Callable[[Dataset], tuple[str, ...]] = lambda dataset: ()


FORMATS = {
    "coco": ExportFormat(write_coco, coco_labels),
    "parquet": ExportFormat(write_parquet),
    "webdataset": ExportFormat(write_webdataset),
    "flo": ExportFormat(write_flo, lambda dataset: ("flow",)),
    "kitti": ExportFormat(write_kitti, lambda dataset: ("image", "flow", "matchability")),
    "files": ExportFormat(write_files),
}


def export_dataset(dataset: Dataset, to: str, out: str | Path, positions: Sequence[int] | None = None) -> int:
    """Write samples in another format into folder `out`, whole or not at all; returns the number of samples.

    dataset: its `array_names` decide what is written, see `Dataset.with_labels`; to: a name of FORMATS;
    positions: which samples, all by default. Equal exports give equal bytes.
    Raises UsageError for an unknown format, one that needs labels the dataset does not have, or no samples;
    DatasetError when a sample is damaged, or when the folder is not empty or cannot be written.
    """
    if to not in FORMATS:
        raise UsageError(f"unknown export format {to!r}, expected one of {', '.join(FORMATS)}")
    chosen = range(len(dataset)) if positions is None else positions
    if not chosen:
        raise UsageError(f"there is no sample to export from {dataset.path}")
    _require(dataset, to, FORMATS[to].needs(dataset))
    with create_whole_folder(Path(out)) as folder:
        FORMATS[to].write(dataset, folder, chosen)
    return len(chosen)


def _require(dataset: Dataset, to: str, labels: tuple[str, ...]) -> None:
    held = {label_of(name).name for name in dataset.array_names}
    absent = [label for label in labels if label not in held]
    if absent:
        raise UsageError(
            f"export to {to} needs the labels {', '.join(labels)}; {dataset.path} does not hold {', '.join(absent)}"
        )
