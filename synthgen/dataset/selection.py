"""Which arrays of a sample to read, and what has to be decoded for them."""

from collections.abc import Collection
from dataclasses import dataclass

from synthgen.core.errors import UsageError
from synthgen.core.label_spec import PARAMETER_LABELS
from synthgen.dataset.layout import SampleLayout, label_of
from synthgen.dataset.manifest import DERIVED_FROM, derivable_names


@dataclass(frozen=True)
class Selection:
    """Arrays to read.

    names: what a sample then holds, in order; stored: the arrays to decode; derived: those of `names` to compute from
    them; members: numbers of the members (of `layout.members`) to read, which hold the stored ones.
    """

    names: tuple[str, ...]
    stored: frozenset[str]
    derived: tuple[str, ...]
    members: tuple[int, ...]


def select_arrays(layout: SampleLayout, labels: Collection[str] | None) -> Selection:
    """The selection of some labels, None for all.

    labels: names of arrays ("source_image"), or of labels ("image": of every view; "parameters": all of them).
    Raises UsageError for a label that the dataset has neither stored nor derivable.
    """
    offered = (*layout.array_names, *derivable_names(layout))
    names = offered if labels is None else _chosen(offered, labels)
    derived = tuple(name for name in names if name not in layout.array_names)
    stored = {name for name in names if name in layout.array_names}
    for name in derived:
        label = label_of(name).name
        stored |= {name.removesuffix(label) + need for need in DERIVED_FROM[label]}
    if labels is None:
        return Selection(names, frozenset(stored), derived, tuple(range(len(layout.members))))
    pictures = layout.picture_names
    members = [number for number, name in enumerate(pictures) if name in stored]
    if not stored <= set(pictures):
        members.append(len(pictures))
    return Selection(names, frozenset(stored), derived, tuple(members))


def _chosen(offered: tuple[str, ...], labels: Collection[str]) -> tuple[str, ...]:
    if not labels:
        raise UsageError("no labels are chosen; expected names such as 'image', 'depth'")
    wanted = {label: {label, *(PARAMETER_LABELS if label == "parameters" else ())} for label in labels}
    found = {
        label: [name for name in offered if name in alike or label_of(name).name in alike]
        for label, alike in wanted.items()
    }
    absent = [label for label in labels if not found[label]]
    if absent:
        raise UsageError(f"this dataset does not hold {', '.join(absent)}; it holds {', '.join(offered)}")
    return tuple(dict.fromkeys(name for label in labels for name in found[label]))
