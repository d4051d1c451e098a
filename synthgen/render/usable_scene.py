"""The scene whose pictures can all be used: picks of unusable files give way to the next ones of their sequences."""

from dataclasses import replace

from synthgen.asset_io.replacement import UsablePick
from synthgen.core.errors import AssetError, UnusableAssetError
from synthgen.render.assets import RenderAssets
from synthgen.sampling.scene import FaceParams, OccluderParams, SceneParams


def usable_scene(scene: SceneParams, assets: RenderAssets) -> SceneParams:
    """The scene with picks of background, textures and cut-outs that can be loaded; `rejected` counts those before.

    Raises AssetError, naming the sample, when no candidate can be used.
    """
    try:
        return _with_usable_picks(scene, assets)
    except UnusableAssetError as error:
        raise AssetError(f"sample {scene.index}: {error}") from error


def _with_usable_picks(scene: SceneParams, assets: RenderAssets) -> SceneParams:
    rejected = dict(scene.rejected)

    def note(what: str, found: UsablePick) -> float:
        if found.passed_over:
            rejected[what] = rejected.get(what, 0) + found.passed_over
        return found.pick

    def usable_face(face: FaceParams) -> FaceParams:
        if assets.textures is None:
            return face
        return replace(face, texture=note("texture", assets.textures.usable_pick(face.texture)))

    def usable_occluder(occluder: OccluderParams) -> OccluderParams:
        if assets.cutouts is None or occluder.kind != "cutout":
            return occluder
        return replace(occluder, pick=note("cutout", assets.cutouts.usable_pick(occluder.pick)))

    pick = note("background", assets.backgrounds.usable_pick(scene.background.pick))
    faces = tuple(usable_face(face) for face in scene.faces)
    occluders = tuple(usable_occluder(occluder) for occluder in scene.occluders)
    if rejected == scene.rejected:
        return scene
    background = replace(scene.background, pick=pick)
    return replace(scene, background=background, faces=faces, occluders=occluders, rejected=rejected)
