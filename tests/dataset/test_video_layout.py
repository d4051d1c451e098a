"""Datasets of clips and fittings: names, a round trip with every flow between frames, policies."""

import numpy as np
import pytest
from dataset_fakes import image_sample, pair_sample

from synthgen.core.errors import DatasetError
from synthgen.core.label_spec import DEFAULT_FITTING_LABELS, DEFAULT_VIDEO_LABELS, LABELS, labels_of_kind
from synthgen.core.limits import MOST_FRAMES
from synthgen.dataset.codecs import decode_sample, encode_sample
from synthgen.dataset.layout import SampleLayout, label_of, layout_of_recipe
from synthgen.dataset.manifest import derivable_names
from synthgen.dataset.sample import Sample

SIZE = (24, 32)


def video_layout(frames: int, flow: str, labels: tuple[str, ...] = DEFAULT_VIDEO_LABELS) -> SampleLayout:
    video = {"frames": frames, "flow": flow}
    return layout_of_recipe({"kind": "video", "size": SIZE, "labels": labels, "codec": "png", "video": video})


def clip(layout: SampleLayout) -> Sample:
    """Other pictures and other flow in every frame."""
    arrays = {}
    for number, prefix in enumerate(layout.prefixes):
        frame = image_sample(number, SIZE).arrays | {"invented_mask": np.eye(*SIZE, k=number, dtype=bool)}
        frame |= {"ignore_mask": np.eye(*SIZE, k=-number, dtype=bool), "landmarks_2d_contour": frame["landmarks_2d"]}
        arrays |= {prefix + name: frame[name] for name in layout.labels if LABELS[name].view == "image"}
    for number, (start, end) in enumerate(layout.flow_pairs):
        pair = pair_sample(number, SIZE).arrays
        arrays[f"flow_{start}_{end}"] = pair["flow"]
        arrays[f"matchability_{start}_{end}"] = pair["matchability"]
    return Sample(3, arrays, {}, {})


def test_which_flows_a_clip_has() -> None:
    assert video_layout(3, "all").flow_pairs == ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))
    assert video_layout(3, "next").flow_pairs == ((0, 1), (1, 0), (1, 2), (2, 1))
    assert video_layout(3, "first").flow_pairs == ((0, 1), (0, 2), (1, 0), (2, 0))
    names = video_layout(2, "all", ("image", "euler", "flow")).array_names
    assert names == ("frame0_image", "frame0_euler", "frame1_image", "frame1_euler", "flow_0_1", "flow_1_0")


def test_clips_hold_every_label_of_a_frame_unless_told_otherwise() -> None:
    layout = video_layout(2, "next")
    manifest_names = set(layout.array_names) | set(derivable_names(layout))
    of_frame = {name for name in labels_of_kind("video") if LABELS[name].view == "image"}
    expected = {prefix + name for prefix in ("frame0_", "frame1_") for name in of_frame - {"source_map"}}
    assert manifest_names == expected | {"flow_0_1", "flow_1_0", "matchability_0_1", "matchability_1_0"}
    assert {"frame0_face_mask", "frame1_normals", "frame1_landmarks_2d_contour"} <= manifest_names


@pytest.mark.parametrize(("frames", "flow"), [(2, "all"), (8, "all"), (12, "next")])
def test_clips_survive_storage(frames: int, flow: str) -> None:
    layout = video_layout(frames, flow)
    sample = clip(layout)
    decoded = decode_sample(encode_sample(sample, layout), layout)
    assert list(decoded) == list(layout.array_names)
    for name, array in decoded.items():
        worst = LABELS[label_of(name).name].worst_error * 1.01 + 1e-6
        np.testing.assert_allclose(array, sample.arrays[name], atol=worst, rtol=0, err_msg=name)


def test_members_of_clips_and_fittings() -> None:
    assert [name for name, _ in video_layout(2, "all").members] == [
        "frame0.png", "frame1.png", "labels.zst", "meta.json",
    ]  # fmt: skip
    fittings = {"kind": "fittings", "size": SIZE, "labels": DEFAULT_FITTING_LABELS, "codec": "jpeg"}
    assert layout_of_recipe(fittings).prefixes == ("",)
    assert [name for name, _ in layout_of_recipe(fittings).members] == ["image.jpg", "labels.zst", "meta.json"]


@pytest.mark.parametrize("video", [None, {}, {"frames": MOST_FRAMES + 1, "flow": "next"}, {"frames": 4, "flow": "no"}])
def test_clips_that_no_dataset_has_are_refused(video: dict | None) -> None:
    with pytest.raises(DatasetError):
        layout_of_recipe({"kind": "video", "size": SIZE, "labels": ["image"], "codec": "png", "video": video})
