"""Several heads in one picture -> one set of label planes, with the others labelled or marked as ignored."""

from dataclasses import dataclass

import torch

from synthgen.raster.fragments import Fragments
from synthgen.render.heads import Heads
from synthgen.shading.surface import Surface


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


def merge_faces(heads: Heads, everything: Fragments, surface: Surface, label_others: bool) -> MergedFaces:
    """Label planes of each picture. The main head is in front of the others, as it is in the picture.

    everything: fragments of all triangles of all heads (M); label_others: label every head, not the main one alone.
    """
    alone = len(heads) == len(heads.main)
    main = torch.from_numpy(heads.main).to(everything.triangle_id.device)
    planes = {"triangle_id": surface.labelled.triangle_id, "barycentric": surface.labelled.barycentric}
    planes |= {"depth": surface.labelled.depth, "normals": surface.normals}
    if surface.albedo is not None and surface.shading is not None:
        planes |= {"albedo": surface.albedo, "shading": surface.shading}
    merged = planes if alone else {name: plane[main].clone() for name, plane in planes.items()}
    index = (merged["triangle_id"] >= 0).to(torch.uint8)
    ignore = torch.zeros(index.shape, dtype=torch.bool, device=index.device)
    if not alone:
        taken = everything.triangle_id[main] >= 0
        for n in range(len(main)):
            for number, row in enumerate(range(heads.first_face[n] + 1, heads.first_face[n + 1]), start=2):
                seen = ~taken[n] & (everything.triangle_id[row] >= 0)
                taken[n] |= seen
                if label_others:
                    for name, plane in merged.items():
                        plane[n][seen] = planes[name][row][seen]
                    index[n][seen] = number * (planes["triangle_id"][row][seen] >= 0).to(torch.uint8)
                else:
                    ignore[n] |= seen
    fragments = Fragments(merged["triangle_id"], merged["barycentric"], merged["depth"])
    return MergedFaces(fragments, merged["normals"], merged.get("albedo"), merged.get("shading"), index, ignore)
