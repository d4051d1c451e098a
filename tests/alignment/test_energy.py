from pathlib import Path

import pytest

from synthgen.alignment.energy import Energy, load_energy
from synthgen.core.errors import RecipeError


def load(tmp_path: Path, text: str) -> Energy:
    path = tmp_path / "energy.yaml"
    path.write_text(text, encoding="utf-8")
    return load_energy(path)


def test_weights_of_a_file(tmp_path: Path) -> None:
    found = load(tmp_path, "identity: 2.5\nnoise_px: 1\n")
    assert (found.identity, found.noise_px, found.data) == (2.5, 1.0, Energy().data)
    assert load(tmp_path, "") == Energy()


def test_the_papers_weights_can_be_changed_one_by_one(tmp_path: Path) -> None:
    paper = load(tmp_path, "paper: dfc\n")
    assert (paper.identity, paper.expression, paper.data, paper.focal, paper.noise_px) == (
        2.5e-5,
        1000.0,
        1.0,
        0.0,
        1.0,
    )
    changed = load(tmp_path, "paper: dfc\nexpression: 3\n")
    assert (changed.identity, changed.expression) == (2.5e-5, 3.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("identiy: 1\n", "energy.yaml:1:1: identiy: unknown key"),
        ("data: 1\nexpression: -2\n", "energy.yaml:2:13: expression: must be >= 0"),
        ("data: .inf\n", "finite"),
        ("data: 0\nlandmarks: 0\n", "nothing ties the head"),
        ("paper: dcf\n", "unknown value 'dcf'"),
        ("noise_px: 0\n", "must be > 0"),
        ("- 1\n", "mapping"),
        ("data: [1]\n", "expected a number"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)
