"""By what a model's pictures of faces are cut, as protocols offer it."""

CROPS = ("given", "truth")
CROP_OPTION = {
    "crop": "with --model, what its pictures are cut by: given (the benchmark's boxes, taken as a detector's) or truth "
    "(the annotated points, which no system has)"
}
