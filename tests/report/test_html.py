"""The numbers of a report are those that NumPy and scipy compute from the same dataset, and its text is only text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_fakes import image_sample
from scipy import stats

from synthgen.core.errors import DatasetError
from synthgen.dataset.index import index_from_json
from synthgen.dataset.reader import open_dataset
from synthgen.recipe.load import parse_recipe
from synthgen.report.expected_columns import Drawn
from synthgen.report.html import write_report
from synthgen.report.page_sections import recipe_section
from tests.report.report_datasets import FITTINGS, IMAGES, PAIRS, VIDEO, write_dataset
from tests.report.test_run_log import EVENTS, write_log

POSES = (
    IMAGES + "pose: {yaw_deg: {distribution: truncated_normal, stddev: 20, low: -60, high: 60}, pitch_deg: 5}\n"
    "occluders: {count: {distribution: choice, values: [0, 2], weights: [3, 1]}}\n"
    "sensor: {exposure: {distribution: uniform, low: -1, high: 1}}\n"
)
COUNT = 40


class Page(HTMLParser):
    """What a test asks of a page: text by section, scripts, and every address and event attribute."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.html = file.read_text(encoding="utf-8")
        self.text, self.tags, self.scripts, self._open = "", [], [], ""
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open != "style":
            self.text += " ".join(data.split()) + " "

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.scripts[0])

    def titles(self, parameter: str) -> list[str]:
        """The tooltips of a parameter's bars."""
        figure = self.html.split(f'data-parameter="{parameter}"')[1].split("</figure>")[0]
        return re.findall(r"<title>(.*?)</title>", figure)


def report(folder: Path, samples: int = 4, drawn: Drawn | None = None) -> Page:
    file = folder.parent / f"{folder.name}.html"
    write_report(folder, file, samples, drawn)
    return Page(file)


def sampled(index: int) -> dict[str, Any]:
    """Numbers that a sampler of POSES could have drawn."""
    rng = np.random.default_rng([9, index])
    yaw = float(stats.truncnorm(-3, 3, 0, 20).ppf(rng.uniform()))
    return {
        "yaw_deg": yaw, "pitch_deg": 5.0, "exposure_gain": float(2.0 ** rng.uniform(-1, 1)),
        "occluders": int(2 * (rng.uniform() < 0.25)), "identity": rng.normal(size=6).tolist(), "light": "day",
        "background": "gray", "background_rejected": 3 if index == 4 else None,
    }  # fmt: skip


@pytest.fixture(scope="module")
def poses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("report") / "poses", POSES, COUNT, sampled)


@pytest.fixture(scope="module")
def page(poses: Path) -> Page:
    return report(poses)


def shares_of(titles: list[str]) -> list[tuple[float, float, float, float]]:
    """(low, high, share found, share expected) of binned bars, shares in percent."""
    pattern = re.compile(r"(\S+) to (\S+): (\S+) %, recipe (\S+) %")
    return [tuple(float(x) for x in match.groups()) for title in titles if (match := pattern.fullmatch(title))]


def test_a_histogram_and_its_line(page: Page) -> None:
    bars = shares_of(page.titles("yaw_deg"))
    yaw = np.array([sampled(index)["yaw_deg"] for index in range(COUNT)])
    edges = np.array([bar[0] for bar in bars] + [bars[-1][1]])
    assert edges[0] <= -60 and edges[-1] >= 60 and len(bars) >= 8
    found, expected = np.array([bar[2:] for bar in bars]).T
    np.testing.assert_allclose(found, 100 * np.histogram(yaw, edges)[0] / COUNT, rtol=0.03)
    # Edges lie a thousandth of a bin below the round number.
    known = stats.truncnorm(-3, 3, 0, 20).cdf(edges - 1e-3 * np.diff(edges)[0])
    np.testing.assert_allclose(expected, 100 * np.diff(known), rtol=0.03, atol=0.02)


def test_a_transformed_parameter(page: Page) -> None:
    bars = shares_of(page.titles("exposure_gain"))
    low, high, _, expected = np.array(bars).T
    known = np.clip((np.log2(high) + 1) / 2, 0, 1) - np.clip((np.log2(low) + 1) / 2, 0, 1)
    np.testing.assert_allclose(expected, 100 * known, atol=0.4)


def test_values_one_by_one_and_constants(page: Page) -> None:
    twos = sum(sampled(index)["occluders"] == 2 for index in range(COUNT))
    share = f"{100 * twos / COUNT:.1f} %"
    assert page.titles("occluders") == [
        f"0: {100 - 100 * twos / COUNT:.1f} %, recipe 75.0 %", f"2: {share}, recipe 25.0 %",
    ]  # fmt: skip
    assert "pitch_deg is 5 in every sample (pose.pitch_deg: always 5)" in page.text
    assert "background_rejected" not in page.text.split("Rejected and replaced")[1]
    assert "background: 3 passed over, in 1 samples" in page.text


def test_what_the_recipe_did_not_ask_for_is_said(page: Page, tmp_path: Path) -> None:
    assert "differs from the recipe" not in page.text
    wrong = write_dataset(
        tmp_path / "wrong", POSES, 60, lambda index: {"yaw_deg": index % 7 * 0.5 + 20.0, "pitch_deg": 0.0}
    )
    text = report(wrong).text
    assert "0 of 2 parameters with a known distribution agree with it" in text
    assert "yaw_deg, pitch_deg differ" in text or "pitch_deg, yaw_deg differ" in text


def test_drawn_numbers_stand_in_for_a_closed_form(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 40)
    folder = write_dataset(tmp_path / "a", IMAGES, 40, lambda i: {"scale_px_per_mm": float(values[i]), "light": "day"})
    drawn = Drawn({"scale_px_per_mm": np.linspace(0, 1, 1001)}, {"light": {"day": 0.25, "night": 0.75}}, 1001)
    page = report(folder, drawn=drawn)
    found, expected = np.array([bar[2:] for bar in shares_of(page.titles("scale_px_per_mm"))]).T
    np.testing.assert_allclose(found.sum(), 100, atol=0.5)
    np.testing.assert_allclose(expected[:-1], found[:-1], atol=2.6)  # one of 40 may fall beyond an edge
    assert "1,001 samples drawn again" in page.text
    assert "1 of 2 parameters with a known distribution agree with it; light differs" in page.text


def test_label_statistics(poses: Path, page: Page) -> None:
    codes = np.concatenate([image_sample(i, (24, 32), 3).arrays["landmarks_visibility"] for i in range(COUNT)])
    for code, name in ((1, "visible"), (2, "hidden by the face"), (5, "behind an occluder")):
        assert f"{name} {100 * (codes == code).mean():.1f} %" in page.text
    hidden = []
    for sample in open_dataset(poses):
        face = sample["triangle_id"] >= 0
        hidden.append((face & sample["occluder_mask"]).sum() / face.sum())
    assert f"on average {100 * np.mean(hidden):.1f} % of the face is hidden" in page.text
    assert "68 landmarks of 40 pictures of 40 samples" in page.text


def test_checks_are_those_of_the_indexes(poses: Path, page: Page) -> None:
    rows = re.findall(r"<tr><td>(\w+)</td><td class=\"n\">(\S+)</td><td class=\"n\">(\S+)</td>", page.html)
    assert [row[0] for row in rows] == ["coverage", "uv_round_trip"]
    index = index_from_json((poses / "shard-000000.json").read_bytes(), "index")
    assert float(rows[0][1]) == index.checks["coverage"]["min"]
    assert float(rows[1][2]) == pytest.approx(index.checks["uv_round_trip"]["mean"], rel=1e-3)


def test_pairs_show_both_views_and_reasons(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "pairs", PAIRS, 20)
    page = report(folder)
    assert {"source", "target", "flow", "matchability", "matchability backward"} <= set(page.data["titles"])
    assert any("(source)" in title for title in page.titles("yaw_deg"))
    codes = np.concatenate([sample["matchability"].ravel() for sample in open_dataset(folder)])
    assert f"matchable {100 * (codes == 1).sum() / (codes > 0).sum():.1f} %" in page.text
    assert "4 of 20 samples" in page.text


def test_photos(tmp_path: Path) -> None:
    page = report(write_dataset(tmp_path / "photos", FITTINGS, 12))
    assert {"image", "wireframe", "landmarks", "flow to mean face"} <= set(page.data["titles"])
    assert "complete" in page.text and "fittings" in page.text and "CC0" in page.text


def test_clips(tmp_path: Path) -> None:
    page = report(write_dataset(tmp_path / "clips", VIDEO, 12))
    assert page.data["titles"][:3] == ["first frame", "moving", "last frame"]
    assert {"landmarks", "uv", "flow 0 to 1", "matchability 0 to 1"} <= set(page.data["titles"])
    assert [s["parameters"]["yaw_deg"] for s in page.data["samples"]] == [0, 4, 7, 11]
    assert re.search(r"<td>frame_coverage</td><td class=\"n\">0.2</td><td class=\"n\">0.4</td>", page.html)
    assert "36 faces" in page.text


def test_an_incomplete_dataset_says_so(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "part", IMAGES, 35, missing={1})
    page = report(folder, samples=7)
    assert "incomplete: 25 of 35 samples" in page.text and "1 planned shard is missing" in page.text
    assert "7 of 25 samples, evenly spread" in page.text
    assert [sample["index"] for sample in page.data["samples"]] == [0, 4, 8, 22, 26, 30, 34]
    assert [sample["position"] for sample in page.data["samples"]] == [0, 4, 8, 12, 16, 20, 24]
    assert page.data["ranges"] == [[0, 10, 0], [20, 35, 10]]
    assert "n 25 ·" in page.html
    empty = write_dataset(tmp_path / "empty", IMAGES, 5, missing={0})
    assert "No samples yet." in report(empty).text


def test_damage_is_told_and_not_fatal(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "hurt", IMAGES, 20)
    shard = folder / "shard-000001.tar"
    content = bytearray(shard.read_bytes())
    content[3000:3100] = bytes(100)
    shard.write_bytes(content)
    (folder / "samples.parquet").write_bytes(b"PAR1 no")
    page = report(folder, 20)
    assert "could not be read" in page.text and "shard-000001.tar" in page.text
    assert len(page.data["samples"]) == 19
    with pytest.raises(DatasetError, match="not a synthgen dataset"):
        write_report(tmp_path / "nothing", tmp_path / "x.html")


def test_run_logs_are_shown(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "logged", IMAGES, 20, missing={1})
    assert "no run logs" in report(folder).text
    write_log(folder, *EVENTS, "{", {**EVENTS[5], "shard": 0, "reason": "built since"})
    page = report(folder)
    assert "1 run, up to 4 workers; 2 shards with 20 samples built, 1 of them again" in page.text
    assert "render 100 ms a sample (2 s), write 12.5 ms a sample (0.25 s)" in page.text
    assert "1 × a shard failed: killed" in page.text and "heartbeat 1" in page.text
    assert "1 damaged line of the run logs skipped" in page.text
    assert "70 to 79" in page.text and "built since" not in page.text


def test_limits_are_those_that_are_enforced() -> None:
    from synthgen.core.check_limits import CHECKS
    from synthgen.report.check_statistics import limit_of

    most, least = CHECKS["reprojection_px"].limit, CHECKS["drawn_share"].limit
    assert most is not None and least is not None
    assert limit_of("source_reprojection_px") == limit_of("frame_reprojection_px") == (None, most)
    assert limit_of("drawn_share") == (least, None)
    assert limit_of("coverage") == limit_of("other") == (None, None)


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_text_of_a_dataset_is_text(tmp_path: Path) -> None:
    recipe = IMAGES + f"background: {{kind: folder, images: {json.dumps('/' + HOSTILE)}}}\n"
    folder = write_dataset(tmp_path / "a<b>&'", recipe, 10, lambda index: {"light": HOSTILE, HOSTILE: float(index)})
    write_log(folder, {"event": "failed", "shard": 0, "attempt": 0, "reason": HOSTILE}, {"event": HOSTILE})
    (folder / "quarantine.json").write_text(
        json.dumps({"shards": [{"shard": 9, "start": 0, "stop": 1, "reason": HOSTILE, "command": HOSTILE}]})
    )
    page = report(folder)
    assert HOSTILE not in page.html and HOSTILE in page.text
    assert len(page.scripts) == 2 and page.data["samples"][0]["parameters"]["light"] == HOSTILE
    assert not [attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)]


def test_the_page_can_load_nothing(page: Page) -> None:
    (policy,) = (a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    addresses = [a[name] for _, a in page.tags for name in ("src", "href", "action", "data") if a.get(name)]
    assert addresses and all(address.startswith(("data:", "#")) for address in addresses)
    assert "url(" not in page.html and "@import" not in page.html


def test_the_recipe_of_the_page_is_the_recipe(poses: Path) -> None:
    manifest = open_dataset(poses).manifest
    text = recipe_section(manifest)
    again = parse_recipe(text).model_dump(mode="json")
    assert again == {**manifest.recipe, "count": COUNT, "shard_size": 10, "labels": again["labels"]}
    assert again["labels"] == manifest.canonical["labels"]


def test_a_page_of_24_large_samples_is_small(tmp_path: Path) -> None:
    """24 pairs of noisy pictures, shown 256 pixels high."""
    page = report(write_dataset(tmp_path / "noise", PAIRS, 24), 24)
    assert len(page.data["samples"]) == 24 and len(page.html) < 5_000_000
