"""The conventions that every other docstring refers to by name.

World space: right-handed, millimetres; +x to the subject's left (image right for a frontal face), +y up, +z out of the
face towards the viewer. Triangles run counter-clockwise seen from outside; indices start at 0.

Camera space: OpenCV; +x right, +y down, +z forward, millimetres. x_cam = diag(1, -1, -1) R v + t.
A scaled-orthographic camera has t = 0: its camera space has its origin at the model origin.

Image: x right, y down, pixels; the centre of the first pixel is (0.5, 0.5).

Depth: planar z of camera space, millimetres, never the ray distance and never rescaled per image.

Angles: radians in code, degrees only in names ending in `_deg`. R = Rz(roll) Ry(yaw) Rx(pitch) in world axes;
yaw > 0 turns the nose to image right, pitch > 0 looks down, roll > 0 is counter-clockwise in the image.

Colour: albedo and irradiance are linear float, `image` is sRGB uint8. Spherical harmonics: real, orthonormal, order
L00 L1-1 L10 L11 L2-2 L2-1 L20 L21 L22, radiance, world space.

Arrays: (N, H, W, C); N batch, V vertices, T triangles, K landmarks.

Empty values: NaN for float labels, -1 for int32 ids, 0 for uint8 classes, False for masks.
"""

import numpy as np

# Camera axes from world axes: image y points down and depth grows away from the viewer.
CAMERA_FROM_WORLD = np.diag([1.0, -1.0, -1.0])

EMPTY_FLOAT = float("nan")

# Inner block: samples 32k .. 32k+31 are always computed together, because matrix products of batch 1 and batch 32
# differ in the last bits.
BLOCK = 32

# No face is this many standard deviations from the mean: recipes that draw further are refused, samples that do anyway
# are drawn again. (Fittings of real photos stay within 10.)
LARGEST_COEFFICIENT = 20.0

# densereg's depth in [0, 1] is clip((depth + DENSEREG_NEAR) / DENSEREG_RANGE, 0, 1).
DENSEREG_NEAR_MM = 150.0
DENSEREG_RANGE_MM = 300.0

# Raised when equal recipes begin to give other bytes; a golden-bytes test fails until it is.
ENGINE_VERSION = 5

PARTS = ("none", "right_eye", "left_eye", "right_brow", "left_brow", "upper_lip", "lower_lip", "nose", "other")

# Reason codes of `matchability`.
NO_FACE, MATCHABLE, HIDDEN, OUTSIDE, OCCLUDED_THERE, OCCLUDED_HERE, INVENTED, IGNORED, NO_NEAR_UV = range(9)
REASONS = (
    "no face surface here",
    "matchable",
    "hidden by the face or facing away in the other image",
    "outside the other frame or behind its camera",
    "behind an external occluder there",
    "behind an external occluder here",
    "invented pixel",
    "ignored region",
    "no pixel within the uv threshold",
)
MATCHABILITY_POLICIES = {
    "dfc": (MATCHABLE, OCCLUDED_THERE, OCCLUDED_HERE),
    "visible": (MATCHABLE,),
}

# landmarks_visibility codes.
LANDMARK_VISIBLE, LANDMARK_HIDDEN, LANDMARK_OUTSIDE, LANDMARK_OCCLUDED = 1, 2, 3, 5
