"""The density layers of the procedural albedo, in the order of the last axis of the layer array."""

LAYER_NAMES = (
    "dermis",  # 1 on all skin: what light loses without pigment
    "melanin",  # 1 with slow variation on all skin
    "haemoglobin",  # blood near the surface: cheeks, nose, ears, lids
    "lips",  # vermilion
    "brows",  # brow hairs
    "lashes",  # lash line along the lids
    "periorbital",  # darkness under and around the eyes
    "stubble",  # beard region, dotted
    "freckles",
    "pores",  # fine relief and unevenness
    "hair",  # cropped scalp hair
    "white",  # sclera (1) and teeth (more)
    "iris",
    "dark",  # pupil and the iris' outer ring
    "mouth",  # inner mouth, gums, tongue
    "shade",  # ambient light that geometry keeps out: nostrils, lid and lip line, ears, below the chin
)
LAYER_COUNT = len(LAYER_NAMES)
