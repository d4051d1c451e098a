"""Colours of turned pictures, from their photos."""

import torch

from synthgen.motion.turn import Mirrored, Turned

LIGHT_CELLS = 12  # per side of the window, in which the light of both sides of a head is compared
LIGHT_STEP = 4  # one pixel of so many in each direction tells the light


def paint(pixels: torch.Tensor, turned: Turned) -> torch.Tensor:
    """(N, H, W, 3) uint8: the new pictures, from photos (N, Hs, Ws, 3) uint8.

    Each pixel is sampled at its place in the photo (`sample_photo`), with three exceptions: skin that is stretched in
    one direction is averaged in the other; mirrored sides of heads are blended in; edges between surfaces, which a
    camera would not show as steps, are smoothed over a pixel.
    """
    from synthgen.motion.warp_paint import launch_mix_mirrored, launch_sample_photo, launch_smooth_steps

    image = launch_sample_photo(pixels, turned.own_map, turned.stretched)
    mirrored = turned.mirrored
    if mirrored is not None:
        launch_mix_mirrored(pixels, mirrored, light_difference(pixels, turned, mirrored), image)
    return launch_smooth_steps(image, turned.source_map, turned.scale)


def sample_photo(pixels: torch.Tensor, source_map: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 pictures: photos (N, Hs, Ws, 3) uint8 sampled bilinearly at source_map (N, H, W, 2) px.

    Interpolates sRGB values as 300W-LP does. Beside the photo its border is repeated; a hole takes the colour of the
    nearest pixel of its row.
    """
    from synthgen.motion.warp_paint import launch_sample_photo

    return launch_sample_photo(pixels, source_map)


def light_difference(pixels: torch.Tensor, turned: Turned, mirrored: Mirrored) -> torch.Tensor:
    """(M, C, C, 4) float32: colour that mirrored sides lack in cells of their window, and how bright they are there.

    Light comes more from one side than from the other, so a mirrored side has the wrong one. The difference is to be
    added: factors would make noise of what lies in the dark. pixels: the N photos.
    """
    photos = pixels[mirrored.rows]

    def thinned(plane: torch.Tensor) -> torch.Tensor:
        return plane[:, ::LIGHT_STEP, ::LIGHT_STEP]

    def colours(source_map: torch.Tensor) -> torch.Tensor:
        return sample_photo(photos, source_map.contiguous()).permute(0, 3, 1, 2).float()

    there = thinned(mirrored.both)[:, None].float()
    own, other = colours(thinned(mirrored.window(turned.own_map))[mirrored.rows]), colours(thinned(mirrored.source_map))
    cells = torch.nn.functional.adaptive_avg_pool2d(torch.cat([there * own, there * other, there], 1), LIGHT_CELLS)
    for _ in range(3):
        cells = torch.nn.functional.avg_pool2d(cells, 3, 1, 1)
    # Far from what both show, the difference of the whole.
    cells = cells + 0.01 * cells.mean(dim=(2, 3), keepdim=True) + 1e-6
    colour = cells[:, :6] / cells[:, 6:]
    fields = torch.cat([colour[:, :3] - colour[:, 3:], colour[:, 3:].mean(dim=1, keepdim=True)], dim=1)
    return fields.permute(0, 2, 3, 1)
