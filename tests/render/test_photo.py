"""A photo with a measured head gives the labels of the rendering that it is: one path for both."""

import numpy as np
import pytest
import torch

from synthgen.core.label_spec import labels_of_kind
from synthgen.recipe.load import parse_recipe
from synthgen.render.frame import Renderer, open_renderer
from synthgen.render.labelling import label_view
from synthgen.render.photo import Photos, photo_view
from synthgen.render.view import View, ViewOptions, render_view
from synthgen.sampling.sampler import sample_scene

COUNT = 4
RECIPE = "kind: images\ncount: 4\nsize: [96, 80]\nseed: 3\nlabels: [image]\ncamera: {{projection: {projection}}}"


def rendered(projection: str) -> tuple[Renderer, View]:
    renderer = open_renderer(parse_recipe(RECIPE.format(projection=projection)))
    assets = renderer.assets
    scenes = [sample_scene(renderer.recipe, assets.model, assets.box, index)[0] for index in range(COUNT)]
    return renderer, render_view(scenes, assets, ViewOptions())


@pytest.mark.parametrize("projection", ["perspective", "scaled_orthographic"])
def test_labels_of_a_photo_are_those_of_the_rendering(projection: str) -> None:
    renderer, view = rendered(projection)
    heads = view.heads
    photos = Photos(view.image, heads.identity, heads.expression, heads.cameras, np.full(COUNT, -70.0))
    names = labels_of_kind("fittings")
    expected = label_view(view, renderer.assets, names).arrays
    found = label_view(photo_view(photos, renderer.assets), renderer.assets, names).arrays
    assert expected.keys() == found.keys() and (expected["triangle_id"] >= 0).mean() > 0.1
    for name, array in expected.items():
        if name == "parameters_62" and projection == "scaled_orthographic":
            np.testing.assert_array_equal(found[name][:, 11], -70.0)
            np.testing.assert_array_equal(np.delete(found[name], 11, 1), np.delete(array, 11, 1))
        else:
            np.testing.assert_allclose(found[name], array, atol=2e-5, err_msg=name)


def test_masks_of_a_photo_reach_its_labels() -> None:
    renderer, view = rendered("perspective")
    heads = view.heads
    masks = [torch.zeros((COUNT, 96, 80), dtype=torch.bool) for _ in range(3)]
    for number, mask in enumerate(masks):
        mask[:, 10 * number : 10 * number + 30] = True
    photos = Photos(view.image, heads.identity, heads.expression, heads.cameras, np.zeros(COUNT), *masks)
    again = photo_view(photos, renderer.assets)
    arrays = label_view(again, renderer.assets, ("landmarks_visibility",)).arrays
    np.testing.assert_array_equal(arrays["ignore_mask"], masks[0])
    np.testing.assert_array_equal(arrays["occluder_mask"], masks[2])
    assert again.invented_mask is masks[1]
