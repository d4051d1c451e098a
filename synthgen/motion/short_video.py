"""Still + motion -> the frames of a clip (tddfa_v2 section 2.4), each sampled once from the photo, with exact cameras.

T and F of all steps up to a frame are composed; no frame is made from the one before, so nothing is blurred twice.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.asset_io.photos import warp_photo
from synthgen.fittings.photo_batch import source_points
from synthgen.geometry.camera import Cameras, project
from synthgen.geometry.similarity import Similarity, compose, inverse, move_cameras, move_points
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.motion.mesh_image import MeshImage, build_mesh_image, select_meshes
from synthgen.motion.motion_blur import blur_along_motion, with_noise
from synthgen.motion.motion_path import MotionPath, head_rotations, is_turned, picture_motions
from synthgen.motion.paint import paint, sample_photo
from synthgen.motion.picture_velocity import picture_velocities
from synthgen.motion.turn import turn_mesh, turned_cameras
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads, evaluate_heads

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

# A photo with at least a third more pixels than the picture is sampled twice per pixel and axis: neither does fine
# detail flicker from frame to frame, nor the outline of the head move in steps.
FINE_SCALE = 0.75
SAMPLES = 2
# What is kept of the photo around all frames, in sides of the picture: what a turning head uncovers is stretched from.
MARGIN = 0.1
# And around the head, relative to its box: 300W-LP's rings of anchors reach to 1.3 of its outline.
HEAD_ROOM = 0.3


@dataclass(frozen=True)
class FittedPhoto:
    """A photo with one measured head, and the picture that is taken from it.

    pixels: (h, w, 3) uint8. identity: (1, I), expression: (1, E), the model's units. vertices: (1, V, 3) float32, their
    `evaluate_vertices`. cameras: one, of the photo. crop: one similarity, from photo to picture.
    """

    pixels: Pixels
    identity: Array
    expression: Array
    vertices: torch.Tensor
    cameras: Cameras
    crop: Similarity


@dataclass(frozen=True)
class Still:
    """A photo prepared for its clip: the part of it that the frames show, and its mesh.

    pixels: (1, h, w, 3) uint8, at most SAMPLES times as fine as the picture. from_photo, to_picture: one similarity
    each, from photo to part and from part to picture. cameras: one, of the photo. mesh: None where no frame turns the
    head. samples: per pixel and axis of a frame. photo_size: (height, width).
    """

    pixels: torch.Tensor
    from_photo: Similarity
    to_picture: Similarity
    cameras: Cameras
    mesh: MeshImage | None
    samples: int
    photo_size: tuple[int, int]


@dataclass(frozen=True)
class Clip:
    """F frames. image: (F, H, W, 3) float32, before noise and blur. cameras: F, of the frames.

    motions: F similarities, from photo to frame. origin_depth: (F,) mm, depth of the model origin after the turn.
    invented: (F, H, W) bool, part of the pixel shows what no camera saw. source_map: (F, H, W, 2) float32 px of the
    photo, NaN beside it. sampled_map: (F, S H, S W, 2) the places that were sampled, S per pixel and axis.
    """

    image: torch.Tensor
    cameras: Cameras
    motions: Similarity
    origin_depth: Array
    invented: torch.Tensor
    source_map: torch.Tensor | None
    sampled_map: torch.Tensor


def head_centre(photo: FittedPhoto, assets: HeadAssets) -> Array:
    """(2,) px of the picture: the projected centroid of the head, which stays where it is when the head turns."""
    centroid = _heads(photo, photo.cameras, assets).vertices_camera.mean(dim=1)
    place = project(photo.cameras, centroid[:, None])[..., :2].cpu().numpy()
    centre: Array = move_points(photo.crop, place)[0, 0]
    return centre


def prepare_still(
    photo: FittedPhoto, motions: Similarity, turned: bool, size: tuple[int, int], assets: HeadAssets
) -> Still:
    """The part of a photo that a clip shows, and its mesh: what all its frames share.

    motions: F, of the picture (motion_path.picture_motions); turned: some frame turns the head; size: (H, W).
    """
    heads = _heads(photo, photo.cameras, assets)
    samples = SAMPLES if float(photo.crop.scale[0]) < FINE_SCALE else 1
    scale = min(1.0, samples * float(photo.crop.scale[0]))
    photo_size = (photo.pixels.shape[0], photo.pixels.shape[1])
    low, high = _shown_part(photo, motions, size, heads.vertices_image[0, :, :2].cpu().numpy())
    # Where the part is a reduced photo, its pixels are those of frame 0.
    phase = photo.crop.shift[0] * samples if scale < 1.0 else np.zeros(2)
    first = np.floor(scale * low + phase)
    width, height = np.maximum(np.ceil(scale * high + phase) - first, 2).astype(int).tolist()
    from_photo = Similarity(np.array([scale]), np.zeros(1), (phase - first)[None])
    pixels = warp_photo(photo.pixels, from_photo.matrix[0], (height, width), "replicate")
    mesh = None
    if turned:
        cameras = move_cameras(photo.cameras, from_photo)
        mesh = build_mesh_image(_heads(photo, cameras, assets), (height, width), assets)
    return Still(
        torch.from_numpy(np.ascontiguousarray(pixels))[None].to(photo.vertices.device),
        from_photo,
        compose(photo.crop, inverse(from_photo)),
        photo.cameras,
        mesh,
        samples,
        photo_size,
    )


def make_frames(
    still: Still, path: MotionPath, motions: Similarity, size: tuple[int, int], with_map: bool = False
) -> Clip:
    """The frames of a clip before noise and motion blur; image: (F, H, W, 3) float32, means of 8-bit samples.

    motions: F, of the picture. with_map: also source_map. Frames whose head is not turned are plain resamplings.
    """
    turned = np.flatnonzero(is_turned(path))
    flat = np.flatnonzero(~is_turned(path))
    to_frames = compose(motions, _repeated(still.to_picture, len(path)))
    parts = []
    if len(flat):
        parts.append((flat, _flat_frames(still, _rows(to_frames, flat), size, with_map)))
    if len(turned):
        rotation = head_rotations(path, still.cameras.rotation[0].cpu().numpy().astype(np.float64))[turned]
        parts.append((turned, _turned_frames(still, rotation, _rows(to_frames, turned), size, with_map)))
    clip = _in_order(parts, len(path))
    return replace(clip, motions=compose(to_frames, _repeated(still.from_photo, len(path))))


def make_clip(photo: FittedPhoto, path: MotionPath, options: "ClipOptions", assets: HeadAssets) -> Clip:
    """The frames of a clip before noise and motion blur."""
    centre = head_centre(photo, assets) if options.about_face else None
    motions = picture_motions(path, centre)
    still = prepare_still(photo, motions, bool(is_turned(path).any()), options.size, assets)
    return make_frames(still, path, motions, options.size, options.with_map)


def expose_frames(
    clip: Clip, path: MotionPath, options: "ClipOptions", geometry: ViewGeometry, triangles: torch.Tensor
) -> torch.Tensor:
    """(F, H, W, 3) uint8: the frames as the camera stores them, with noise and motion blur.

    geometry: of the frames' heads; triangles: (T, 3) int32.
    """
    noisy = with_noise(clip.image, path.noise, options.seed, options.index)
    turning = geometry if is_turned(path).any() and (path.blur > 0.0).any() else None
    velocity = picture_velocities(clip.motions, options.size, turning, triangles)
    return blur_along_motion(noisy, velocity, path.blur)


@dataclass(frozen=True)
class ClipOptions:
    """size: (H, W); about_face: scale and rotation about the face, else about the picture's origin; seed, index: of the
    clip, for its noise; with_map: also source_map."""

    size: tuple[int, int]
    about_face: bool
    seed: int
    index: int
    with_map: bool = False


def _flat_frames(still: Still, to_frames: Similarity, size: tuple[int, int], with_map: bool) -> Clip:
    device = still.pixels.device
    count = len(to_frames.scale)

    def places(samples: int) -> torch.Tensor:
        back = inverse(_finer(to_frames, samples)).matrix
        grid = (samples * size[0], samples * size[1])
        return torch.from_numpy(np.stack([source_points(matrix, grid) for matrix in back])).to(device)

    sampled = places(still.samples)
    cameras = move_cameras(
        _repeated_cameras(still.cameras, count), compose(to_frames, _repeated(still.from_photo, count))
    )
    nothing = torch.zeros(sampled.shape[:3], dtype=torch.bool, device=device)
    image = sample_photo(still.pixels.expand(count, -1, -1, -1), sampled)
    return _clip(still, cameras, (image, sampled, nothing), places(1) if with_map else None)


def _turned_frames(still: Still, rotation: Array, to_frames: Similarity, size: tuple[int, int], with_map: bool) -> Clip:
    assert still.mesh is not None
    mesh = select_meshes(still.mesh, np.zeros(len(rotation), np.int64))
    grid = (still.samples * size[0], still.samples * size[1])
    turned = turn_mesh(mesh, rotation, _finer(to_frames, still.samples), grid)
    cameras = move_cameras(turned_cameras(mesh, rotation), to_frames)
    places = turn_mesh(mesh, rotation, to_frames, size).source_map if with_map else None
    image = paint(still.pixels.expand(len(rotation), -1, -1, -1), turned)
    clip = _clip(still, cameras, (image, turned.source_map, turned.invented), places)
    return replace(clip, origin_depth=turned.origin_depth)


def _clip(
    still: Still,
    cameras: Cameras,
    picture: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    places: torch.Tensor | None,
) -> Clip:
    """picture: image (F, S H, S W, 3), its places (..., 2), px of the part, and what was invented; places: (F, H, W, 2)
    of the pixels of the frames."""
    pixels, sampled, invented = picture
    samples, image = still.samples, pixels.to(torch.float32)
    back = inverse(still.from_photo)
    in_photo = _in_photo(back, sampled)
    invented = invented | ~_is_inside(in_photo, still.photo_size)
    if samples > 1:
        image = _means(image, samples)
        invented = _means(invented.to(torch.float32)[..., None], samples)[..., 0] > 0
    source_map = None
    if places is not None:
        source_map = _in_photo(back, places)
        source_map[~_is_inside(source_map, still.photo_size)] = float("nan")
    return Clip(image, cameras, still.to_picture, np.zeros(len(image)), invented, source_map, in_photo)


def _in_order(parts: list[tuple[NDArray[np.intp], Clip]], frames: int) -> Clip:
    """The frames of the parts, each given with their numbers, as one clip."""
    if len(parts) == 1:
        return parts[0][1]
    order = torch.from_numpy(np.argsort(np.concatenate([numbers for numbers, _ in parts])))
    clips = [clip for _, clip in parts]

    def joined(tensors: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(tensors)[order.to(tensors[0].device)]

    names = ("rotation", "translation", "focal", "principal")
    cameras = {name: joined([getattr(clip.cameras, name) for clip in clips]) for name in names}
    maps = [clip.source_map for clip in clips if clip.source_map is not None]
    return replace(
        clips[0],
        image=joined([clip.image for clip in clips]),
        cameras=Cameras(clips[0].cameras.perspective, **cameras),
        origin_depth=np.concatenate([clip.origin_depth for clip in clips])[order.numpy()],
        invented=joined([clip.invented for clip in clips]),
        source_map=joined(maps) if maps else None,
        sampled_map=joined([clip.sampled_map for clip in clips]),
    )


def _shown_part(
    photo: FittedPhoto, motions: Similarity, size: tuple[int, int], head: NDArray[np.floating]
) -> tuple[Array, Array]:
    """Lowest and highest (x, y) px of the photo that the frames show or the mesh needs; head: (V, 2) px of it."""
    height, width = size
    corners = np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]])
    count = len(motions.scale)
    to_photo = inverse(compose(motions, _repeated(photo.crop, count)))
    shown = move_points(to_photo, np.tile(corners, (count, 1, 1))).reshape(-1, 2)
    margin = MARGIN * max(size) / photo.crop.scale[0]
    box = np.array([head.min(axis=0), head.max(axis=0)], np.float64)
    room = HEAD_ROOM * (box[1] - box[0])
    low = np.minimum(shown.min(axis=0) - margin, box[0] - room)
    high = np.maximum(shown.max(axis=0) + margin, box[1] + room)
    limits = np.array([photo.pixels.shape[1], photo.pixels.shape[0]], np.float64)
    low = np.clip(np.floor(low), 0.0, limits - 2.0)
    return low, np.clip(np.ceil(high), low + 2.0, limits)


def _heads(photo: FittedPhoto, cameras: Cameras, assets: HeadAssets) -> Heads:
    return evaluate_heads((photo.identity, photo.expression), cameras, assets.tensors, vertices=photo.vertices)


def _in_photo(back: Similarity, places: torch.Tensor) -> torch.Tensor:
    """Places (..., 2) px of the part as px of the photo; the part is not rotated."""
    shift = torch.tensor(back.shift[0].tolist(), device=places.device)
    return places * float(back.scale[0]) + shift


def _is_inside(places: torch.Tensor, photo: tuple[int, int]) -> torch.Tensor:
    x, y = places[..., 0], places[..., 1]
    return (x >= 0) & (y >= 0) & (x <= photo[1]) & (y <= photo[0])


def _means(image: torch.Tensor, samples: int) -> torch.Tensor:
    """(F, H, W, C) means of samples x samples of (F, S H, S W, C) float32."""
    planes = torch.nn.functional.avg_pool2d(image.permute(0, 3, 1, 2), samples)
    return planes.permute(0, 2, 3, 1).contiguous()


def _finer(motion: Similarity, samples: int) -> Similarity:
    return Similarity(samples * motion.scale, motion.angle, samples * motion.shift)


def _rows(motions: Similarity, rows: NDArray[np.intp]) -> Similarity:
    return Similarity(motions.scale[rows], motions.angle[rows], motions.shift[rows])


def _repeated(motion: Similarity, count: int) -> Similarity:
    return _rows(motion, np.zeros(count, np.intp))


def _repeated_cameras(cameras: Cameras, count: int) -> Cameras:
    names = ("rotation", "translation", "focal", "principal")
    rows = {name: getattr(cameras, name).repeat_interleave(count, dim=0) for name in names}
    return Cameras(cameras.perspective, **rows)
