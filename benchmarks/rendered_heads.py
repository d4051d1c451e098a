"""Pictures of heads whose shape, pose, light, albedo and landmarks are known: the truth for photometric fits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.fit_landmarks import (
    CameraModel,
    LandmarkFitOptions,
    LandmarkFits,
    fit_landmarks,
    open_landmark_fitter,
)
from synthgen.alignment.photometric import FacePhoto
from synthgen.alignment.photometric_heads import head_unknowns
from synthgen.alignment.photometric_model import PhotometricModel
from synthgen.alignment.shape_space import ShapeSpace
from synthgen.alignment.unknowns import HeadUnknowns, project_points
from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.core.spherical_harmonics import rotate_sh_y
from synthgen.geometry.camera import Cameras
from synthgen.morphable.model import MorphableModel
from synthgen.recipe.load import parse_recipe
from synthgen.render.assets import RenderAssets, open_assets
from synthgen.render.labelling import label_view
from synthgen.render.view import ViewOptions, render_view
from synthgen.sampling.albedo import absorbance
from synthgen.sampling.sampler import sample_scene

Array = NDArray[np.float64]

SIZE = 128
ANNOTATION_NOISE_PX = 1.5
_RECIPE = """
kind: images
count: {count}
seed: {seed}
size: [{size}, {size}]
model: {model}
camera: {camera}
pose: {{yaw_deg: {{distribution: truncated_normal, stddev: 20, low: -45, high: 45}}}}
background: {{kind: procedural}}
sensor: {{noise: 2, blur: 0.3, supersampling: 2}}
"""


@dataclass(frozen=True)
class RenderedHeads:
    """N pictures (N, SIZE, SIZE, 3) uint8 and what was drawn: coefficients, cameras, absorbance (N, K, 3), light
    (N, 9, 3), landmarks (N, 68, 2) px fixed to the surface, contour (N, 68, 2) px with the jaw as annotators see it.
    albedo, shading (N, SIZE, SIZE, 3) linear and normals (N, SIZE, SIZE, 3) world space, NaN beside the face."""

    pixels: NDArray[np.uint8]
    identity: Array
    expression: Array
    cameras: Cameras
    absorbance: Array
    light: Array
    landmarks: Array
    contour: Array
    albedo: Array
    shading: Array
    normals: Array


def render_heads(
    count: int, model: str = "{source: procedural}", camera: str = "perspective", seed: int = 5
) -> tuple[RenderedHeads, RenderAssets]:
    """`count` random heads rendered by the project's renderer. model: a recipe's section; camera: a projection."""
    text = _RECIPE.format(count=count, seed=seed, size=SIZE, model=model, camera=f"{{projection: {camera}}}")
    recipe = parse_recipe(text)
    assets = open_assets(recipe, "cpu")
    scenes = [sample_scene(recipe, assets.model, assets.box, index)[0] for index in range(count)]
    view = render_view(scenes, assets, ViewOptions(recipe.sensor.supersampling, keep_layers=True))
    arrays = label_view(view, assets, ["landmarks_2d", "landmarks_2d_contour"]).arrays
    lights = [
        scene.light.intensity
        * rotate_sh_y(
            assets.lights.coefficients[int(scene.light.pick * len(assets.lights.coefficients))], scene.light.rotation
        )
        for scene in scenes
    ]
    heads = RenderedHeads(
        pixels=view.image.numpy(),
        identity=np.asarray(view.heads.identity, np.float64),
        expression=np.asarray(view.heads.expression, np.float64),
        cameras=view.heads.cameras,
        absorbance=np.stack([absorbance(scene.faces[0].skin) for scene in scenes]).astype(np.float64),
        light=np.stack(lights),
        landmarks=np.asarray(arrays["landmarks_2d"], np.float64),
        contour=np.asarray(arrays["landmarks_2d_contour"], np.float64),
        albedo=np.asarray(arrays["albedo"], np.float64),
        shading=np.asarray(arrays["shading"], np.float64),
        normals=np.asarray(arrays["normals"], np.float64) @ CAMERA_FROM_WORLD,  # its own inverse
    )
    return heads, assets


def landmark_options() -> LandmarkFitOptions:
    """Options that know the annotation noise and the style of the jaw: the best a landmark fit can do here."""
    return LandmarkFitOptions(noise_mm=ANNOTATION_NOISE_PX / 0.6, jaw="marched")


def annotate(truth: RenderedHeads, seed: int = 9) -> Array:
    """(N, 68, 2) px: the landmarks as an annotator with ANNOTATION_NOISE_PX would place them."""
    random = np.random.default_rng(seed)
    return truth.contour + ANNOTATION_NOISE_PX * random.standard_normal(truth.contour.shape)


def fit_annotated(
    model: MorphableModel, truth: RenderedHeads, points: Array, options: LandmarkFitOptions | None = None
) -> list[LandmarkFits]:
    """One fit to annotated points per picture; perspective cameras have their true focal length."""
    fitter = open_landmark_fitter(model, options or landmark_options())
    sizes = np.full((1, 2), SIZE)
    if not truth.cameras.perspective:
        return [fit_landmarks(fitter, one[None], sizes) for one in points]
    focals = truth.cameras.focal.tolist()
    cameras = [CameraModel("perspective", focal) for focal in focals]
    return [fit_landmarks(fitter, one[None], sizes, camera) for one, camera in zip(points, cameras, strict=True)]


def start_of(model: PhotometricModel, fits: LandmarkFits) -> HeadUnknowns:
    """Where a photometric fit begins: the head of a landmark fit of one picture."""
    camera = (fits.rotation[0], fits.translation[0], float(fits.focal[0]), fits.principal[0])
    return head_unknowns(model.fitter.space, fits.perspective, camera, fits.identity[0], fits.expression[0])


def photo_of(truth: RenderedHeads, points: Array, row: int) -> FacePhoto:
    """One picture with its annotated points."""
    pixels = truth.pixels[row]
    return FacePhoto(pixels, np.ones(pixels.shape[:2], bool), points[row], np.ones(68, bool))


def true_head(truth: RenderedHeads, space: ShapeSpace, row: int) -> HeadUnknowns:
    """The head that was drawn."""
    cameras = truth.cameras
    return head_unknowns(
        space,
        cameras.perspective,
        (
            cameras.rotation[row].numpy().astype(np.float64),
            cameras.translation[row].numpy().astype(np.float64),
            float(cameras.focal[row]),
            cameras.principal[row].numpy().astype(np.float64),
        ),
        truth.identity[row],
        truth.expression[row],
    )


@dataclass(frozen=True)
class HeadErrors:
    """vertex_mm: mean distance of labelled vertices after the best translation; nme: mean distance of the 68 surface
    points in the picture over the root of their box's area."""

    vertex_mm: float
    nme: float


def head_errors(model: MorphableModel, truth: RenderedHeads, row: int, head: HeadUnknowns) -> HeadErrors:
    """How far a fitted head (N = 1, px of the picture) is from the one that was drawn."""
    identity, expression = head.space.coefficients(head.shape)
    used = np.unique(model.template.triangles[: model.template.label_count])
    apart = np.tensordot(identity[0] - truth.identity[row], model.identity_basis[:, used], axes=1)
    apart = apart + np.tensordot(expression[0] - truth.expression[row], model.expression_basis[:, used], axes=1)
    apart = apart - apart.mean(axis=0)
    fixed = model.template.landmarks["ibug68"]
    corners = model.template.triangles[fixed.triangle]
    vertices = model.mean.astype(np.float64)[corners]
    vertices = vertices + np.tensordot(identity[0], model.identity_basis[:, corners], axes=1)
    vertices = vertices + np.tensordot(expression[0], model.expression_basis[:, corners], axes=1)
    image, _ = project_points(head, np.einsum("kcd,kc->kd", vertices, fixed.barycentric)[None])
    box = np.ptp(truth.landmarks[row], axis=0)
    distance = np.linalg.norm(image[0] - truth.landmarks[row], axis=1).mean()
    return HeadErrors(float(np.linalg.norm(apart, axis=1).mean()), float(distance / np.sqrt(box.prod())))
