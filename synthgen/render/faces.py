"""Several heads in one picture -> one set of label planes, with the others labelled or marked as ignored."""

from dataclasses import dataclass

import torch

from synthgen.raster.fragments import Fragments
from synthgen.render.heads import Heads
from synthgen.shading.surface import Surface

NAN = float("nan")


@dataclass(frozen=True)
class MergedFaces:
    """Label-carrying surface of N pictures, external occluders ignored.

    fragments: triangle_id is -1, the rest NaN, where no label-carrying triangle of a labelled face is in front.
    normals: (N, H, W, 3); albedo, shading: the same shape or None.
    face_index: (N, H, W) uint8, 0 none, 1 main face, 2 and 3 the others.
    ignore_mask: (N, H, W) bool, pixels of heads without labels.
    """

    fragments: Fragments
    normals: torch.Tensor
    albedo: torch.Tensor | None
    shading: torch.Tensor | None
    face_index: torch.Tensor
    ignore_mask: torch.Tensor


def merge_faces(
    heads: Heads, fragments: Fragments, surface: Surface, label_count: int, label_others: bool
) -> MergedFaces:
    """Label planes of each picture. The main head is in front of the others, as it is in the picture."""
    main = torch.from_numpy(heads.main).to(fragments.triangle_id.device)
    alone = len(heads.faces) == len(main)

    def of_main(plane: torch.Tensor) -> torch.Tensor:
        return plane if alone else plane[main].clone()

    front = of_main(fragments.triangle_id)
    planes = {
        "barycentric": of_main(fragments.barycentric),
        "depth": of_main(fragments.depth),
        "normals": of_main(surface.normals),
    }
    if surface.albedo is not None and surface.shading is not None:
        planes |= {"albedo": of_main(surface.albedo), "shading": of_main(surface.shading)}
    ignore = torch.zeros(front.shape, dtype=torch.bool, device=front.device)
    index = (front >= 0).to(torch.uint8)
    if not alone:
        sources = {"barycentric": fragments.barycentric, "depth": fragments.depth, "normals": surface.normals}
        sources |= {"albedo": surface.albedo, "shading": surface.shading} if "albedo" in planes else {}
        for n in range(len(main)):
            for number, row in enumerate(range(heads.first_face[n] + 1, heads.first_face[n + 1]), start=2):
                seen = (front[n] < 0) & (fragments.triangle_id[row] >= 0) & ~ignore[n]
                if not label_others:
                    ignore[n] |= seen
                    continue
                index[n][seen] = number
                front[n][seen] = fragments.triangle_id[row][seen]
                for name, source in sources.items():
                    planes[name][n][seen] = source[row][seen]
    labelled = (front >= 0) & (front < label_count)
    empty = torch.tensor(NAN, device=front.device)
    kept = {
        name: torch.where(labelled if plane.dim() == 3 else labelled[..., None], plane, empty)
        for name, plane in planes.items()
    }
    return MergedFaces(
        Fragments(torch.where(labelled, front, -1), kept["barycentric"], kept["depth"]),
        kept["normals"],
        kept.get("albedo"),
        kept.get("shading"),
        torch.where(labelled, index, 0),
        ignore,
    )
