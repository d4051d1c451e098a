"""Heads drawn differentiably: coefficients, cameras, light and albedo -> picture and coverage, for optimisation.

The generator draws with `render.frame`; this path has the same conventions, no sensor and no occluders, and gradients.
"""

from dataclasses import dataclass

import torch

from synthgen.core.errors import UsageError
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.normals import smooth_normals
from synthgen.morphable.blendshapes import blendshape_vertices
from synthgen.morphable.model import MorphableModel
from synthgen.raster.antialias import antialias
from synthgen.raster.fragments import Fragments
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize
from synthgen.raster.surface_gradient import differentiable_fragments
from synthgen.raster.topology import side_neighbours
from synthgen.render.heads import model_tensors
from synthgen.shading.lambertian import lambertian_shading
from synthgen.shading.texture import sample_texture


@dataclass(frozen=True)
class HeadMesh:
    """A morphable model made ready for drawing; use it for many pictures.

    mean: (3V,) mm and basis: (I + E, 3V) mm per unit, one float dtype. triangles: (T, 3) int32. uv: (T, 3, 2) in the
    same dtype. neighbours: (T, 3) int32, of raster.topology.
    """

    mean: torch.Tensor
    basis: torch.Tensor
    triangles: torch.Tensor
    uv: torch.Tensor
    neighbours: torch.Tensor


@dataclass(frozen=True)
class DrawnHeads:
    """N pictures of one head each.

    image: (N, H, W, 3) linear light, premultiplied by coverage: over a background, image + (1 - coverage) background.
    coverage: (N, H, W), share of the pixel that the head covers. vertices_image: (N, V, 3), [x px, y px, depth mm].
    fragments: surface points at the pixel centres; barycentric and depth are differentiable.
    """

    image: torch.Tensor
    coverage: torch.Tensor
    vertices_image: torch.Tensor
    fragments: Fragments


def open_head_mesh(model: MorphableModel, device: str = "cpu", dtype: torch.dtype = torch.float32) -> HeadMesh:
    """The mesh of a model on a device; dtype float32, or float64 for checking gradients."""
    tensors = model_tensors(model, device)
    neighbours = side_neighbours(tensors.triangles, len(model.mean))
    return HeadMesh(
        tensors.mean.to(dtype), tensors.basis.to(dtype), tensors.triangles, tensors.uv.to(dtype), neighbours
    )


def draw_heads(
    mesh: HeadMesh,
    coefficients: torch.Tensor,
    cameras: Cameras,
    light: torch.Tensor,
    albedo: torch.Tensor,
    size: tuple[int, int],
    smooth_edges: bool = True,
) -> DrawnHeads:
    """Pictures of N heads, differentiable by coefficients, cameras, light and albedo.

    coefficients: (N, I + E) in the model's units, identity first. The rest as in `draw_surface`.
    Raises UsageError for a wrong shape, dtype or device, or vertices that are not finite.
    """
    if coefficients.ndim != 2 or coefficients.shape[1] != len(mesh.basis):
        raise UsageError(f"`coefficients` must be (N, {len(mesh.basis)}), got {tuple(coefficients.shape)}")
    _check_dtypes(mesh, ("coefficients", coefficients))
    vertices = blendshape_vertices(mesh.mean, mesh.basis, coefficients)
    return draw_surface(mesh, vertices, cameras, light, albedo, size, smooth_edges)


def draw_surface(
    mesh: HeadMesh,
    vertices: torch.Tensor,
    cameras: Cameras,
    light: torch.Tensor,
    albedo: torch.Tensor,
    size: tuple[int, int],
    smooth_edges: bool = True,
) -> DrawnHeads:
    """Pictures of N surfaces with the triangles of a mesh, differentiable by vertices, cameras, light and albedo.

    vertices: (N, V, 3) mm, world space. cameras: N, with any of their tensors requiring gradients; rotations may come
    from geometry.rotation_vector. light: (N, 9, 3) radiance, world space, spherical harmonics of core.conventions.
    albedo: linear, (N, V, 3) per vertex or (N or 1, S, S, 3) a texture on the chart. size: height and width, px.
    smooth_edges: blend silhouettes, without which vertices have no gradient from what they cover.
    All float tensors are float32, or all float64. image = albedo max(E, 0) / pi at each pixel centre.
    Raises UsageError for a wrong shape, dtype or device, or vertices that are not finite.
    """
    named = {"vertices": vertices, "light": light, "albedo": albedo, "rotation": cameras.rotation}
    named |= {"translation": cameras.translation, "focal": cameras.focal, "principal": cameras.principal}
    _check_dtypes(mesh, *named.items())
    _check_albedo(albedo, vertices)
    vertices_image = project(cameras, to_camera_space(cameras, vertices)).contiguous()
    if not bool(torch.isfinite(vertices_image.detach().sum())):
        raise UsageError("a projected vertex is not finite; check coefficients, rotation, translation and focal length")
    seen = rasterize(vertices_image.detach().float(), mesh.triangles, size, cameras.perspective)
    fragments = differentiable_fragments(seen, vertices_image, mesh.triangles, cameras.perspective)
    covered = (fragments.triangle_id >= 0)[..., None]
    colour = _shaded(mesh, vertices, cameras, light, albedo, fragments)
    picture = torch.cat([colour, covered.to(colour.dtype)], dim=-1)
    if smooth_edges:
        picture = antialias(picture, fragments, vertices_image, mesh.triangles, mesh.neighbours)
    return DrawnHeads(picture[..., :3], picture[..., 3], vertices_image, fragments)


def _shaded(
    mesh: HeadMesh,
    vertices: torch.Tensor,
    cameras: Cameras,
    light: torch.Tensor,
    albedo: torch.Tensor,
    fragments: Fragments,
) -> torch.Tensor:
    """(N, H, W, 3) linear light at the pixel centres, 0 where nothing is seen."""
    covered = (fragments.triangle_id >= 0)[..., None]
    # World space, in which the light is given: the head has turned there. A sum of rotated normals is a rotated sum.
    normals = smooth_normals(vertices, mesh.triangles) @ cameras.rotation.transpose(1, 2)
    per_vertex = torch.cat([normals, albedo], dim=-1) if albedo.ndim == 3 else normals
    at_pixels = interpolate(fragments, mesh.triangles, per_vertex)
    # Zeros, not NaN, where nothing is seen: NaN times a gradient of zero would be NaN for the light.
    at_pixels = torch.where(covered, at_pixels, 0.0)
    if albedo.ndim == 3:
        reflectance = at_pixels[..., 3:]
    else:
        uv = torch.where(covered, interpolate(fragments, mesh.triangles, mesh.uv), 0.0)
        reflectance = sample_texture(albedo, uv)
    shading = lambertian_shading(light, torch.nn.functional.normalize(at_pixels[..., :3], dim=-1))
    return torch.where(covered, reflectance * shading, 0.0)


def _check_dtypes(mesh: HeadMesh, *named: tuple[str, torch.Tensor]) -> None:
    for name, tensor in named:
        if tensor.dtype != mesh.mean.dtype or tensor.device != mesh.mean.device:
            raise UsageError(
                f"`{name}` is {tensor.dtype} on {tensor.device}, but the mesh is {mesh.mean.dtype} on "
                f"{mesh.mean.device}; open_head_mesh(model, device, dtype) sets it"
            )


def _check_albedo(albedo: torch.Tensor, vertices: torch.Tensor) -> None:
    per_vertex = albedo.shape == vertices.shape
    texture = albedo.ndim == 4 and albedo.shape[-1] == 3 and len(albedo) in (1, len(vertices))
    if not per_vertex and not texture:
        raise UsageError(
            f"`albedo` must be {tuple(vertices.shape)} per vertex or (N, S, S, 3) a texture, got {tuple(albedo.shape)}"
        )
