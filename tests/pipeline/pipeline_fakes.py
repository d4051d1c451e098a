"""Renderers for pipeline tests, opened by name inside worker processes; they need no torch.

`open_plain` renders small fake samples; `open_fragile` kills its own process once per marked block, `open_stubborn`
always, `open_slow` waits at each block.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import dataset_fakes
import numpy as np

from synthgen.core.errors import AssetError
from synthgen.dataset.sample import Sample

SIZE = (32, 48)


class FakeRenderer:
    """Block -> 32 samples, a pure function of (recipe.seed, kind, size)."""

    def __init__(self, recipe: Any) -> None:
        self.recipe = recipe
        self.template = dataset_fakes.fake_template()

    def records(self) -> list[Any]:
        return [
            SimpleNamespace(id="background:fake", path="/somewhere/secret/fake.png", sha256="ab" * 32, licence="CC0")
        ]

    def __call__(self, block: int) -> list[Sample]:
        make = dataset_fakes.image_sample if self.recipe.kind == "images" else dataset_fakes.pair_sample
        return [make(index, self.recipe.size, self.recipe.seed) for index in range(32 * block, 32 * block + 32)]


def open_plain(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return FakeRenderer(recipe)


class _NotFinite(FakeRenderer):
    """Sample 30 has a landmark at infinity, as a renderer with a bug and without our checks might."""

    def __call__(self, block: int) -> list[Sample]:
        samples = super().__call__(block)
        if block == 0:
            samples[30].arrays["landmarks_2d"][5, 1] = np.inf
        return samples


def open_not_finite(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _NotFinite(recipe)


class _Dying(FakeRenderer):
    def __init__(self, recipe: Any, marks: Path, always: bool) -> None:
        super().__init__(recipe)
        self._marks = marks
        self._always = always

    def __call__(self, block: int) -> list[Sample]:
        mark = self._marks / f"died-{block}"
        if block % 2 == 1 and (self._always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(block)


def _marks(recipe: Any) -> Path:
    """Tests hand a folder over in the one free text field of a recipe."""
    return Path(recipe.background.images)


def open_fragile(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Dying(recipe, _marks(recipe), always=False)


def open_stubborn(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Dying(recipe, _marks(recipe), always=True)


class _Slow(FakeRenderer):
    def __call__(self, block: int) -> list[Sample]:
        time.sleep(0.2)
        return super().__call__(block)


def open_slow(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Slow(recipe)


def open_broken(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    raise AssetError("backgrounds/x.png: the file is not a picture; remove it from the folder")


class _Buggy(FakeRenderer):
    def __call__(self, block: int) -> list[Sample]:
        raise ZeroDivisionError(f"a bug in block {block}")


def open_buggy(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Buggy(recipe)


class _Invalid(FakeRenderer):
    def __call__(self, block: int) -> list[Sample]:
        samples = super().__call__(block)
        samples[3].arrays["depth"][5, 5] = np.inf
        return samples


def open_invalid(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Invalid(recipe)


class _Failing(FakeRenderer):
    """Fails at block 1 in the way that `how` says, every time."""

    def __init__(self, recipe: Any, how: Callable[[], None]) -> None:
        super().__init__(recipe)
        self._how = how

    def __call__(self, block: int) -> list[Sample]:
        if block == 1:
            self._how()
        return super().__call__(block)


def _segfault() -> None:
    ctypes.string_at(0)


def _raise() -> None:
    raise ZeroDivisionError("a bug in block 1")


def _allocate() -> None:
    hoard = [np.ones(1 << 24) for _ in range(100)]  # 13 GB, 128 MB at a time
    assert hoard


def open_segfaulting(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Failing(recipe, _segfault)


class _MostlyRaising(FakeRenderer):
    def __call__(self, block: int) -> list[Sample]:
        if block > 5:
            _raise()
        return super().__call__(block)


def open_mostly_raising(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _MostlyRaising(recipe)


def open_raising(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Failing(recipe, _raise)


def open_greedy(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Failing(recipe, _allocate)


class _Leaky(FakeRenderer):
    """Keeps 40 MB more after each block."""

    hoard: ClassVar[list[Any]] = []

    def __call__(self, block: int) -> list[Sample]:
        self.hoard.append(np.ones(5 << 20))
        return super().__call__(block)


def open_leaky(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Leaky(recipe)


class _Silent(FakeRenderer):
    def __call__(self, block: int) -> list[Sample]:
        if block == 1:
            time.sleep(3600)
        return super().__call__(block)


def open_silent(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Silent(recipe)


class _OnceRaising(FakeRenderer):
    """Raises once per block, as a network file system does on a bad day."""

    def __call__(self, block: int) -> list[Sample]:
        mark = _marks(self.recipe) / f"raised-{block}"
        if block % 2 == 1 and not mark.exists():
            mark.touch()
            raise OSError(5, "Input/output error")
        return super().__call__(block)


def open_once_raising(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _OnceRaising(recipe)


class _Unseeded(FakeRenderer):
    """What a broken seed path does: samples depend on the process and on the order."""

    calls: ClassVar[list[int]] = []

    def __call__(self, block: int) -> list[Sample]:
        self.calls.append(block)
        seed = self.recipe.seed + len(self.calls)
        return [
            dataset_fakes.image_sample(index, self.recipe.size, seed) for index in range(32 * block, 32 * block + 32)
        ]


def open_unseeded(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Unseeded(recipe)
