"""Derived labels against answers worked out by hand on a template of three triangles."""

import numpy as np
import pytest

from synthgen.core.errors import DatasetError
from synthgen.dataset.derived import (
    TemplateArrays,
    derive_amodal_mask,
    derive_face_mask,
    derive_labels,
    derive_parts,
    derive_pncc,
    derive_uv,
    template_from_npz,
    template_to_npz,
)

NAN = np.float32(np.nan)


def small_template() -> TemplateArrays:
    """Triangles 0 and 1 share an edge but not their uv there; triangle 2 carries no labels."""
    uv = np.array([[[0, 0], [1, 0], [0, 1]], [[0.5, 0.5], [1, 0.5], [0.5, 1]], [[0, 0], [0, 0], [0, 0]]], np.float32)
    return TemplateArrays(
        triangles=np.array([[0, 1, 2], [1, 3, 2], [0, 1, 3]], np.int32),
        label_count=2,
        uv=uv,
        parts=np.array([7, 1, 0], np.uint8),
        pncc=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]], np.float32),
        landmark_triangle=np.zeros(68, np.int32),
        landmark_barycentric=np.full((68, 3), 1 / 3, np.float32),
    )


IDS = np.array([[0, 1, -1]], np.int32)
WEIGHTS = np.array([[[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [NAN, NAN, NAN]]], np.float32)


def test_uv_uses_each_triangles_own_corners() -> None:
    uv = derive_uv(IDS, WEIGHTS, small_template())
    np.testing.assert_allclose(uv[0, :2], [[0.25, 0.25], [0.75, 0.75]])
    assert np.isnan(uv[0, 2]).all()
    assert uv.dtype == np.float32


def test_pncc_interpolates_vertices() -> None:
    pncc = derive_pncc(IDS, WEIGHTS, small_template())
    np.testing.assert_allclose(pncc[0, :2], [[0.25, 0.25, 0.0], [0.5, 1.0, 0.5]])
    assert np.isnan(pncc[0, 2]).all()


def test_parts_and_masks() -> None:
    template = small_template()
    occluder = np.array([[True, False, True]])
    assert derive_parts(IDS, template).tolist() == [[7, 1, 0]]
    assert derive_parts(IDS, template).dtype == np.uint8
    assert derive_amodal_mask(IDS).tolist() == [[True, True, False]]
    assert derive_face_mask(IDS, occluder).tolist() == [[False, True, False]]


def test_names_with_prefixes() -> None:
    arrays = {"target_triangle_id": IDS, "target_barycentric": WEIGHTS, "target_occluder_mask": IDS == 0}
    names = [f"target_{name}" for name in ("uv", "pncc", "parts", "amodal_mask", "face_mask")]
    derived = derive_labels(arrays, small_template(), names, ("source_", "target_"))
    assert list(derived) == names
    np.testing.assert_array_equal(derived["target_uv"], derive_uv(IDS, WEIGHTS, small_template()))
    with pytest.raises(KeyError, match="depth"):
        derive_labels(arrays, small_template(), ["target_depth"], ("source_", "target_"))


def test_template_file_round_trip_is_deterministic() -> None:
    data = template_to_npz(small_template())
    assert data == template_to_npz(small_template())
    again = template_from_npz(data, "t.npz")
    for name in TemplateArrays.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(small_template(), name))


def test_damaged_or_inconsistent_templates_are_refused() -> None:
    from dataclasses import replace

    good = small_template()
    bad = [
        template_to_npz(replace(good, triangles=good.triangles + 1)),
        template_to_npz(replace(good, parts=good.parts[:2])),
        template_to_npz(replace(good, label_count=4)),
        template_to_npz(good)[:200],
        b"",
        b"not a zip",
    ]
    for data in bad:
        with pytest.raises(DatasetError, match=r"t\.npz"):
            template_from_npz(data, "t.npz")
