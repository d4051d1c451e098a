"""One sample as bytes and back: pictures, all label planes in one member, the sampled parameters as JSON."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from synthgen.core.errors import DatasetError, LabelError
from synthgen.core.label_spec import LABELS
from synthgen.core.limits import MOST_META_BYTES
from synthgen.dataset.label_planes import LabelPlanes, PlaneValues, checked_array
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.pictures import decode_jpeg, decode_png, encode_jpeg, encode_png
from synthgen.dataset.sample import Sample

Array = NDArray[Any]


_IMAGE, _UINT8 = LABELS["image"], np.dtype(np.uint8)


class SampleCodec:
    """Encodes and decodes samples of one layout. One object serves one thread."""

    def __init__(self, layout: SampleLayout) -> None:
        self.layout = layout
        self._planes = LabelPlanes(layout)
        self._pictures = layout.picture_names
        self._shape = (*layout.size, 3)

    def encode(self, sample: Sample) -> list[bytes]:
        """The members of a sample, in the order of `layout.members`.

        Raises LabelError when an array is missing, has another shape or type than the label table says, or is not
        finite where it may not be.
        """
        encode = encode_jpeg if self.layout.codec == "jpeg" else encode_png
        try:
            pictures = [
                encode(checked_array(sample.arrays, name, _IMAGE, _UINT8, self._shape)) for name in self._pictures
            ]
            labels = self._planes.encode(sample.arrays, sample.parameters)
        except LabelError as error:
            raise LabelError(f"sample {sample.index}: {error}") from error
        return [*pictures, labels, encode_meta(sample)]

    def decode(self, members: Sequence[bytes], names: Collection[str] | None = None) -> dict[str, Array]:
        """The stored arrays of a sample by name; names: which, None for all. Members of others may be empty bytes.

        Raises DatasetError for members that do not fit the layout.
        """
        arrays = dict(self._decode_pictures(members, names))
        if names is None or any(name in names for name in self.layout.plane_names):
            arrays |= self._planes.decode(members[len(self._pictures)], names)
        return {name: arrays[name] for name in self.layout.array_names if name in arrays}

    def decode_values(self, members: Sequence[bytes]) -> Iterator[PlaneValues]:
        """Everything that `decode` gives, one after another and not spread over the picture: enough to check it."""
        for name, picture in self._decode_pictures(members, None):
            yield PlaneValues(name, picture, None)
        yield from self._planes.decode_values(members[len(self._pictures)])

    def _decode_pictures(self, members: Sequence[bytes], names: Collection[str] | None) -> Iterator[tuple[str, Array]]:
        decode = decode_jpeg if self.layout.codec == "jpeg" else decode_png
        for name, data in zip(self._pictures, members, strict=False):
            if names is None or name in names:
                yield name, decode(data, self.layout.size)


def encode_sample(sample: Sample, layout: SampleLayout) -> list[bytes]:
    """The members of a sample, as `SampleCodec.encode`."""
    return SampleCodec(layout).encode(sample)


def decode_sample(members: Sequence[bytes], layout: SampleLayout) -> dict[str, Array]:
    """The stored arrays of a sample, as `SampleCodec.decode`."""
    return SampleCodec(layout).decode(members)


def encode_meta(sample: Sample) -> bytes:
    """JSON of index, sampled parameters and checks; names sorted, numbers that are not finite become null."""
    content = {
        "checks": dict(sorted(sample.checks.items())),
        "index": sample.index,
        "parameters": dict(sorted(sample.parameters.items())),
    }
    return to_json(content, inf_nan_mode="null", fallback=_plain)


def decode_meta(data: bytes) -> dict[str, Any]:
    """The dict {index, parameters, checks} of a meta member. Raises DatasetError when it is damaged."""
    try:
        if len(data) > MOST_META_BYTES:
            raise ValueError(f"{len(data)} bytes")
        content = json.loads(data)
        kinds = [type(content[key]) for key in ("index", "parameters", "checks")]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(f"the meta member is damaged: {error!r}") from error
    if kinds != [int, dict, dict]:
        raise DatasetError(f"the meta member is damaged: index, parameters and checks are {kinds}")
    return dict(content)


def _plain(value: Any) -> Any:
    """Python's own types for NumPy's. Raises TypeError for anything else."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a parameter of type {type(value).__name__} cannot be stored")
