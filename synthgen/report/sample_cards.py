"""The samples that a report shows: a picture per overlay, what was sampled for it, and its text for the search."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from synthgen.core.errors import DatasetError
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.reader import Dataset
from synthgen.report.overlays import WEBP, Overlay, present

SIDE = 256
# More pictures than this are made smaller, so that a page stays one that a browser opens at once.
_MOST_LARGE, _SMALL_SIDE = 420, 128


@dataclass(frozen=True)
class SampleCard:
    """One sample. index: as in the recipe; position: in the dataset; pictures: data URI per overlay, "" where it has
    none; parameters, checks: name -> number or text."""

    index: int
    position: int
    pictures: tuple[str, ...]
    parameters: dict[str, float | str]
    checks: dict[str, float]


@dataclass(frozen=True)
class Cards:
    """titles: of the overlays that any sample has; cards; problems: why samples could not be read."""

    titles: tuple[str, ...]
    cards: tuple[SampleCard, ...]
    problems: tuple[str, ...]


def sample_cards(dataset: Dataset, positions: Sequence[int], possible: list[Overlay]) -> Cards:
    """The cards of samples at some positions; a sample that cannot be read is left out and named."""
    cards, problems = [], []
    side = SIDE if len(positions) * len(possible) <= _MOST_LARGE else _SMALL_SIDE
    for position in positions:
        try:
            sample, meta = dataset[position], dataset.meta(position)
        except DatasetError as error:
            problems.append(str(error))
            continue
        shown = {overlay.title for overlay in present(possible, sample)}
        pictures = tuple(_uri(o.encode(sample, side)) if o.title in shown else "" for o in possible)
        parameters = card_values(meta["parameters"], dataset.layout)
        checks = {name: value for name, value in meta["checks"].items() if isfinite(value)}
        cards.append(SampleCard(dataset.sample_index(position), position, pictures, parameters, checks))
    used = [any(card.pictures[k] for card in cards) for k in range(len(possible))]
    kept = [_without_unused(card, used) for card in cards]
    titles = tuple(overlay.title for overlay, is_used in zip(possible, used, strict=True) if is_used)
    return Cards(titles, tuple(kept), tuple(problems))


def card_values(parameters: Mapping[str, Any], layout: SampleLayout) -> dict[str, float | str]:
    """The numbers and texts of a sample, of lists with one number per frame the first; other lists are left out."""
    values: dict[str, float | str] = {}
    for name, value in parameters.items():
        first = value[0] if layout.frames and isinstance(value, list) and len(value) == layout.frames else value
        if isinstance(first, str) or (isinstance(first, (int, float)) and isfinite(first)):
            values[name] = first
    return values


def data_uri(content: bytes, media_type: str) -> str:
    """Bytes as an address that needs no network."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _uri(content: bytes) -> str:
    return data_uri(content, WEBP)


def _without_unused(card: SampleCard, used: Sequence[bool]) -> SampleCard:
    pictures = tuple(picture for picture, is_used in zip(card.pictures, used, strict=True) if is_used)
    return SampleCard(card.index, card.position, pictures, card.parameters, card.checks)
