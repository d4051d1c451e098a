"""What takes the place of an unusable file: a function of pick and files alone, uniform, and with an end."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from synthgen.asset_io.backgrounds import BackgroundSpec, open_backgrounds
from synthgen.asset_io.replacement import usable_pick
from synthgen.core.errors import AssetError, UnusableAssetError
from synthgen.core.limits import MOST_REPLACEMENTS
from synthgen.core.seeds import rng_from_key


class Files:
    """A stand-in that counts loads; those in `bad` cannot be used."""

    def __init__(self, bad: set[int], error: type[Exception] = UnusableAssetError) -> None:
        self.bad, self.error, self.loaded = bad, error, [0]

    def load(self, number: int) -> None:
        self.loaded.append(number)
        if number in self.bad:
            raise self.error(f"file {number} is damaged")


def test_a_usable_file_is_taken_as_picked() -> None:
    for pick in (0.0, 0.3, 0.999999):
        assert usable_pick(pick, 7, Files(set()).load) == (pick, 0)


def test_the_next_candidates_are_a_permutation_that_the_pick_seeds() -> None:
    """An independent reading of the rule: Philox with the key (pick * 2^53, 2), without the first."""
    for pick in np.random.default_rng(1).random(50).tolist():
        first = int(pick * 9)
        order = np.random.Generator(np.random.Philox(key=int(pick * 2**53) + (2 << 64))).permutation(9).tolist()
        order.remove(first)
        files = Files({first, *order[:3]})
        found = usable_pick(pick, 9, files.load)
        assert files.loaded[1:] == [first, *order[:4]]
        assert int(found.pick * 9) == order[3] and found.passed_over == 4


def test_replacements_are_uniform_over_the_usable_files() -> None:
    bad = {0, 1, 2, 3}
    picks = rng_from_key(5).random(6000).tolist()
    counts = Counter(int(usable_pick(pick, 10, Files(bad).load).pick * 10) for pick in picks)
    assert set(counts) == set(range(10)) - bad
    assert all(abs(count - 1000) < 5 * 1000**0.5 for count in counts.values())


def test_the_search_ends() -> None:
    files = Files(set(range(1000)))
    with pytest.raises(
        UnusableAssetError, match=f"none of {MOST_REPLACEMENTS + 1} candidates(.|\n)*file .* is damaged"
    ):
        usable_pick(0.5, 1000, files.load)
    assert len(set(files.loaded[1:])) == MOST_REPLACEMENTS + 1
    with pytest.raises(UnusableAssetError, match="none of 1 candidates"):
        usable_pick(0.5, 1, Files({0}).load)


@pytest.mark.parametrize("error", [AssetError, MemoryError, OSError])
def test_what_another_worker_might_not_meet_is_not_passed_over(error: type[Exception]) -> None:
    with pytest.raises(error):
        usable_pick(0.5, 10, Files({5}, error).load)


def test_a_file_that_is_gone_or_cannot_be_read_stops_and_is_not_replaced(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / name)
    backgrounds = open_backgrounds(BackgroundSpec("folder", str(tmp_path)), (8, 8))
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert backgrounds.usable_pick(0.1) == (0.75, 1)
    (tmp_path / "a.png").unlink()
    with pytest.raises(AssetError, match=r"a\.png: the file does not exist"):
        backgrounds.usable_pick(0.1)
