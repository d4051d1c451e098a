"""What the ICT-FaceKit release states in its README, not in a file: ranges of rows, 0-based, end exclusive."""

VERTEX_COUNT, POLYGON_COUNT = 26719, 26384
IDENTITY_COUNT, EXPRESSION_COUNT = 100, 53
MILLIMETRES = 10.0  # the release is in centimetres

# Polygon ranges.
NARROW_FACE = (0, 6560)  # hairline to under the chin, in front of the ears
FACE_REST_AND_HEAD = (6560, 11144)  # ears, upper forehead, scalp, neck
MOUTH_SOCKET = (11144, 13226)
EYE_SOCKETS = (13226, 14034)
GUMS_AND_TONGUE = (14034, 17006)
TEETH = (17006, 21496)
LEFT_SCLERA, RIGHT_SCLERA = (21496, 22296), (23094, 23894)
# Vertex ranges of the outer eye shells; the first vertex is the middle of the cornea, the last the opposite pole.
LEFT_SCLERA_VERTICES, RIGHT_SCLERA_VERTICES = (21451, 22221), (23021, 23791)

# Jaw contour of the README, subject's right ear to chin and chin to left ear: what the landmarks 0-7 and 9-16 should
# be when a smooth jaw line is wanted.
JAWLINE_RIGHT = (1278, 1272, 12, 1834, 243, 781, 2199, 1447)
JAWLINE_LEFT = (3661, 4390, 3022, 2484, 4036, 2253, 3490, 3496)

LANDMARKS_68 = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443,
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360,
    1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
