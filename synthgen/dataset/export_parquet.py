"""Export to Parquet files that Hugging Face's `datasets` reads with its own features: Image, Array2D, Array3D, Value.

Only pyarrow writes them; the features are what the library looks for in the schema's metadata under "huggingface".
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synthgen.dataset.export_card import write_card
from synthgen.dataset.reader import Dataset
from synthgen.dataset.table import table_parts

if TYPE_CHECKING:
    import pyarrow

Array = NDArray[Any]

# Uncompressed bytes of a row group, which is what a reader holds at a time, and of a file.
GROUP_BYTES, FILE_BYTES = 1 << 25, 1 << 29

_FRONT = """\
---
pretty_name: Synthetic faces
tags: [synthetic, face]
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

"""
_READING = """\
```python
from datasets import load_dataset

faces = load_dataset("parquet", data_files="data/train-*.parquet", split="train")
faces = faces.with_format("numpy", dtype=None)  # None keeps the types below; the default widens integers to int64
faces[0]["{first}"]
```

Pictures are the stored files. Beside the labels each row has `index`, the number of the sample, and every sampled
parameter and label check (`check_...`) as in synthgen's `samples.parquet`."""


def write_parquet(dataset: Dataset, out: Path, positions: Sequence[int]) -> None:
    """`data/train-NNNNN-of-NNNNN.parquet` in row groups of bounded size, and a dataset card in README.md."""
    import pyarrow.parquet

    (out / "data").mkdir()
    example = dataset[positions[0]]
    size = max(1, sum(array.nbytes for array in example.values()))
    rows, groups = max(1, GROUP_BYTES // size), max(1, FILE_BYTES // GROUP_BYTES)
    files = -(-len(positions) // (rows * groups))
    parameters = _parameter_schema(dataset, positions, example)
    schema = _schema(example, parameters)
    for number in range(files):
        own = positions[number * rows * groups : (number + 1) * rows * groups]
        file = out / "data" / f"train-{number:05d}-of-{files:05d}.parquet"
        with pyarrow.parquet.ParquetWriter(
            file, schema, compression="zstd", compression_level=1, use_dictionary=False, write_page_checksum=True
        ) as writer:
            for start in range(0, len(own), rows):
                writer.write_table(_rows(dataset, own[start : start + rows], schema, parameters), rows)
    write_card(dataset, out, len(positions), _READING.format(first=next(iter(example))), _FRONT)


def _parameter_schema(dataset: Dataset, positions: Sequence[int], example: Mapping[str, Array]) -> "pyarrow.Schema":
    """Names and types of the parameters' columns over all samples, without those that are labels too."""
    import pyarrow

    schemas = [part.schema for part in table_parts(dataset, positions)]
    whole = pyarrow.unify_schemas(schemas, promote_options="permissive")
    return pyarrow.schema([field for field in whole if field.name != "shard" and field.name not in example])


def _schema(example: Mapping[str, Array], parameters: "pyarrow.Schema") -> "pyarrow.Schema":
    import pyarrow

    features = {name: _array_feature(name, array) for name, array in example.items()}
    fields = [_array_field(name, array) for name, array in example.items()]
    features |= {field.name: _value_feature(field.type) for field in parameters}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pyarrow.schema([*fields, *parameters], metadata)


def _rows(
    dataset: Dataset, positions: Sequence[int], schema: "pyarrow.Schema", parameters: "pyarrow.Schema"
) -> "pyarrow.Table":
    """The rows of some samples."""
    import pyarrow

    samples = [dataset[position] for position in positions]
    files = [dataset.picture_files(position) for position in positions]
    stems = [f"{dataset.sample_index(position):09d}" for position in positions]
    suffix = dataset.layout.picture_suffix
    columns = []
    for name in samples[0]:
        if name in files[0]:
            entries = [
                {"bytes": own[name], "path": f"{stem}.{name}.{suffix}"} for stem, own in zip(stems, files, strict=True)
            ]
            columns.append(pyarrow.array(entries, schema.field(name).type))
        else:
            columns.append(_array_column(np.stack([sample[name] for sample in samples]), schema.field(name).type))
    (sampled,) = table_parts(dataset, positions, len(positions))
    for field in parameters:
        held = field.name in sampled.column_names
        columns.append(sampled[field.name].cast(field.type) if held else pyarrow.nulls(len(samples), field.type))
    return pyarrow.table(columns, schema=schema)


def _is_picture(name: str, array: Array) -> bool:
    return name.endswith("image") and array.ndim == 3


def _array_field(name: str, array: Array) -> "pyarrow.Field":
    """The column of an array; planes carry the name of the extension type without which `datasets` sees plain lists."""
    import pyarrow

    field = pyarrow.field(name, _array_type(name, array))
    if _is_picture(name, array) or array.ndim == 1:
        return field
    return field.with_metadata(
        {
            "ARROW:extension:name": f"datasets.features.features.Array{array.ndim}DExtensionType",
            "ARROW:extension:metadata": json.dumps([list(array.shape), str(array.dtype)]),
        }
    )


def _array_type(name: str, array: Array) -> "pyarrow.DataType":
    """How Parquet stores an array: a struct for a picture, a list of known length for a vector, else nested lists."""
    import pyarrow

    if _is_picture(name, array):
        return pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    element = pyarrow.from_numpy_dtype(array.dtype)
    if array.ndim == 1:
        return pyarrow.list_(element, len(array))
    for _ in array.shape:
        element = pyarrow.list_(element)
    return element


def _array_column(stacked: Array, kind: "pyarrow.DataType") -> "pyarrow.Array":
    """Arrays (N, ...) as a column, without going through Python objects."""
    import pyarrow

    values = pyarrow.array(stacked.reshape(-1))
    if stacked.ndim == 2:
        return pyarrow.FixedSizeListArray.from_arrays(values, type=kind)
    for axis in range(stacked.ndim - 1, 0, -1):
        count = int(np.prod(stacked.shape[:axis]))
        offsets = np.arange(count + 1, dtype=np.int32) * np.int32(stacked.shape[axis])
        values = pyarrow.ListArray.from_arrays(pyarrow.array(offsets), values)
    return values.cast(kind)


def _array_feature(name: str, array: Array) -> dict[str, Any]:
    """The feature of `datasets` for an array."""
    if _is_picture(name, array):
        return {"_type": "Image"}
    dtype = str(array.dtype)
    if array.ndim == 1:
        return {"_type": "Sequence", "feature": {"_type": "Value", "dtype": dtype}, "length": len(array)}
    return {"_type": f"Array{array.ndim}D", "shape": list(array.shape), "dtype": dtype}


def _value_feature(kind: "pyarrow.DataType") -> dict[str, Any]:
    """The feature of `datasets` for a parameter; "Sequence" is what old and new versions of the library know."""
    import pyarrow

    if pyarrow.types.is_list(kind):
        return {"_type": "Sequence", "feature": _value_feature(kind.value_type)}
    return {"_type": "Value", "dtype": "float64" if pyarrow.types.is_float64(kind) else str(kind)}
