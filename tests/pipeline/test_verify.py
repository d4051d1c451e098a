"""Verification finds what was damaged, names it, and passes what is whole."""

import shutil
from pathlib import Path

import pytest

from synthgen.core.errors import DatasetError, VerifyError
from synthgen.dataset.index import index_from_json
from synthgen.pipeline import verify as verify_module
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.pipeline.verify import verify
from synthgen.recipe.load import parse_recipe

PLAIN = "pipeline_fakes:open_plain"
TEXT = "kind: {kind}\nseed: 3\ncount: 50\nshard_size: 20\nsize: [24, 32]\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verify") / "out"
    generate(parse_recipe(TEXT.format(kind="images"), "t"), path, GenerateOptions(workers=0, factory=PLAIN))
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def flip(file: Path, byte: int, bit: int = 0) -> None:
    data = bytearray(file.read_bytes())
    data[byte] ^= 1 << bit
    file.write_bytes(data)


@pytest.mark.parametrize("kind", ["images", "pairs"])
def test_a_sound_dataset_passes_all_levels(tmp_path: Path, kind: str) -> None:
    recipe = parse_recipe(TEXT.format(kind=kind), "t")
    generate(recipe, tmp_path / "out", GenerateOptions(workers=0, factory=PLAIN))
    for deep, relabel in ((False, 0), (True, 0), (False, 7)):
        report = verify(tmp_path / "out", deep, relabel, PLAIN)
        assert report.sound, report.problems
        report.raise_unless_sound()
        assert (report.shards, report.samples, report.relabelled) == (3, 50, relabel)


def test_quick_finds_sizes_and_index_damage(copy: Path) -> None:
    with open(copy / "shard-000000.tar", "ab") as file:
        file.write(b"\0")
    flip(copy / "shard-000001.json", 300)
    report = verify(copy)
    assert len(report.problems) == 2
    assert "shard-000000.tar has" in report.problems[0]
    assert "shard-000001.json is damaged" in report.problems[1]
    with pytest.raises(VerifyError, match=r"(?s)shard-000000.*shard-000001") as caught:
        report.raise_unless_sound()
    assert caught.value.exit_code == 4


def test_only_deep_finds_flipped_payload(copy: Path) -> None:
    index = index_from_json((copy / "shard-000001.json").read_bytes(), "i")
    flip(copy / "shard-000001.tar", int(index.entries[4, 1, 0]) + 100)
    assert verify(copy).sound
    problems = verify(copy, deep=True).problems
    assert len(problems) == 2
    assert "shard-000001.tar: its sha256" in problems[0]
    assert "sample 24, member 000000024.labels.zst is damaged" in problems[1]


def test_deep_finds_numbers_that_are_not_finite(tmp_path: Path) -> None:
    recipe = parse_recipe(TEXT.format(kind="images"), "t")
    generate(recipe, tmp_path / "out", GenerateOptions(workers=0, factory="pipeline_fakes:open_not_finite"))
    assert verify(tmp_path / "out").sound
    (problem,) = verify(tmp_path / "out", deep=True).problems
    assert problem.endswith("sample 30, landmarks_2d: a number is not finite")


@pytest.mark.parametrize("place", [0, 5, 150, 300])
def test_deep_finds_damage_in_tar_headers(copy: Path, place: int) -> None:
    """Our reader does not look at headers, other tools do."""
    flip(copy / "shard-000002.tar", place)
    assert verify(copy).sound
    assert "its sha256" in verify(copy, deep=True).problems[0]


def test_missing_shards_and_strays_are_told(copy: Path) -> None:
    (copy / "shard-000001.tar").unlink()
    (copy / ".tmp-shard-000001.tar-1").write_bytes(b"x")
    report = verify(copy)
    assert report.missing == (1,)
    assert ".tmp-shard-000001.tar-1 is left over" in report.problems[0]
    with pytest.raises(VerifyError, match="1 planned shards are missing, the first is 1"):
        report.raise_unless_sound()


def test_damaged_template_and_table(copy: Path) -> None:
    flip(copy / "samples.parquet", 200)
    assert "samples.parquet is damaged" in verify(copy).problems[0]
    flip(copy / "template.npz", 500)
    assert "template.npz is damaged" in verify(copy).problems[0]


def test_relabel_finds_samples_that_are_not_their_recipes(copy: Path, tmp_path: Path) -> None:
    """A shard of another seed with the right hashes everywhere: only rendering again tells."""
    other = parse_recipe(TEXT.format(kind="images").replace("seed: 3", "seed: 4"), "t")
    generate(other, tmp_path / "other", GenerateOptions(workers=0, factory=PLAIN))
    right = index_from_json((copy / "shard-000001.json").read_bytes(), "i")
    from dataclasses import replace

    from synthgen.dataset.index import index_to_json

    forged = index_from_json((tmp_path / "other" / "shard-000001.json").read_bytes(), "i")
    (copy / "shard-000001.json").write_bytes(index_to_json(replace(forged, fingerprint=right.fingerprint)))
    shutil.copy(tmp_path / "other" / "shard-000001.tar", copy / "shard-000001.tar")
    assert [line for line in verify(copy, deep=True).problems if "parquet" not in line] == []
    problems = verify(copy, relabel=50, factory=PLAIN).problems
    assert {line.split("sample ")[1].split(",")[0] for line in problems} == {str(n) for n in range(20, 40)}
    assert "is not what its recipe renders now" in problems[0]


def test_relabel_with_other_versions_says_so(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {**verify_module.library_versions(), "torch": "9.9"}
    monkeypatch.setattr(verify_module, "library_versions", lambda: changed)
    assert "versions differ: torch" in verify(whole, relabel=2, factory=PLAIN).problems[0]


def test_progress_and_foreign_folders(whole: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    verify(whole, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(DatasetError, match="is not a synthgen dataset"):
        verify(tmp_path)
