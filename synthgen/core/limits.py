"""Every limit on what a file may ask of this program: bytes, pixels, counts, depth. None of them is met by honest use.

A reader compares what a file claims with these numbers before it allocates, loops or recurses, so that a small hostile
file costs little more than its own size. Ranges of meaning (how large a face is, how far a coefficient may lie from the
mean) stay beside the code that knows the meaning; what a recipe may set is in recipe/sections.py and docs/recipes.md.
"""

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30

# --- recipes -------------------------------------------------------------------------------------------------------

# The longest shipped recipe has 4 kB; a choice of a thousand values has 10 kB.
MOST_RECIPE_BYTES = 1_000_000
# The deepest key of the schema lies 6 levels down; Python's own recursion ends near 1000.
MOST_RECIPE_DEPTH = 50
# Counted with aliases written out: 430 bytes of aliases can stand for 10^9 values.
MOST_RECIPE_NODES = 20_000
# Files in a chain of `extends`; each costs a read.
MOST_RECIPE_PARENTS = 20
# Of a whole number: Python needs quadratic time to read and print long ones; 2^63 has 19 digits.
MOST_RECIPE_DIGITS = 100
# Of a `--set` path: deeper than any key of the schema.
MOST_OVERRIDE_KEYS = 20
# Beyond any meaningful setting, and small enough that no product of settings overflows.
LARGEST_RECIPE_NUMBER = 1e9
# Of things that one picture can hold: each costs a pass over the picture.
MOST_FACES = 3
MOST_OCCLUDERS = 16
MOST_RECTANGLES = 16
MOST_FRAMES = 32  # of a clip of kind `video`
# Side of a picture that is made, px: 4096^2 with all labels takes 2 GB while it is rendered.
MOST_SIDE = 4096
# A sample's number is written with nine digits.
MOST_SAMPLES = 10**9
MOST_SHARD_SAMPLES = 1_000_000
# Shards are listed, planned and looked for one by one: 10^7 take seconds, a hostile 10^18 would take for ever.
MOST_SHARDS = 20_000_000

# --- retries -------------------------------------------------------------------------------------------------------

# Candidates that a sample tries in place of an unusable picture. Were half of a folder damaged, one sample in 10^6
# would find none.
MOST_REPLACEMENTS = 20
# Scenes that a sample draws until one can be rendered; see sampling/sampler.py. A recipe of which one scene in four can
# be rendered fails for one sample in 10^12.
MOST_SCENE_TRIES = 100

# --- pictures ------------------------------------------------------------------------------------------------------

# One decoded picture at this limit takes 192 MB. Pillow's own limit, 179 million, costs 540 MB.
MOST_PIXELS = 64_000_000
# Of a picture file: MOST_PIXELS of noise in a PNG have 192 MB.
MOST_IMAGE_BYTES = 256 * MB
# Scans of a JPEG, previews inside it included: each decodes the whole picture again. Encoders write at most 14.
MOST_JPEG_SCANS = 100
# A Radiance picture of MOST_PIXELS, not compressed, has 256 MB.
MOST_HDR_BYTES = 300 * MB
MOST_HDR_HEADER_BYTES = 64 * KB
# Radiance of a light, linear: the sun's disc has 1e9 in the units that skies are drawn in; float32 ends at 3e38.
LARGEST_RADIANCE = 1e12
# Of a licence file, whose first line is told.
MOST_LICENCE_BYTES = 1 * MB
# A table of a thousand lights has 300 kB.
MOST_LIGHT_TABLE_BYTES = 64 * MB

# --- COCO ----------------------------------------------------------------------------------------------------------

# The instances of COCO's training set have 449 MB. Read with the reducer of asset_io/coco.py.
MOST_COCO_BYTES = 2 * GB
# Of a file this many times larger than this, one outline in as many is kept: some 30,000 of a full training set.
COCO_OUTLINE_BYTES = 25_000_000
# Length of an outline, px: pycocotools walks every pixel of it five times, with 16 bytes each. The outline of a hand
# in a 640 x 480 picture has 500, of a whole tree 5,000.
MOST_OUTLINE_PX = 1_000_000

# --- MATLAB files --------------------------------------------------------------------------------------------------

# 300W-LP's .mat files have 6 kB.
MOST_FITTING_MAT_BYTES = 1 * MB
# AFLWinfo_release.mat has 5 MB.
MOST_LANDMARK_MAT_BYTES = 256 * MB
MOST_MAT_DIMENSIONS = 32
# Fields of a struct; 3DDFA's model_refine has 7.
MOST_MAT_FIELDS = 1000

# --- fittings and landmarks ----------------------------------------------------------------------------------------

# JSON that people write: 10,000 faces with 500 numbers have 100 MB.
MOST_FITTING_JSON_BYTES = 2 * GB
# One array of a fittings file: a million fittings with 500 numbers each.
MOST_FITTING_ARRAY_BYTES = 4 * GB
# Characters of one text in it: a path may have 4096 bytes.
MOST_FITTING_TEXT = 4096
# An iBUG .pts file has 1.3 kB.
MOST_PTS_BYTES = 64 * KB
# WFLW's training list has 13 MB.
MOST_LANDMARK_LIST_BYTES = 256 * MB

# --- models --------------------------------------------------------------------------------------------------------

# One array of the project's own model file; the largest known model (BFM 2019) needs 0.6 GB.
MOST_MODEL_ARRAY_BYTES = 4 * GB
# Characters of a text value in it (licence, source).
MOST_MODEL_TEXT = 64 * KB
# Sets of landmarks in it; the importers write one to three.
MOST_LANDMARK_SETS = 64
# A foreign model file. FLAME has 50 MB, Basel's 2009 release 240 MB, 3DDFA's Model_Shape.mat up to 510 MB.
MOST_FOREIGN_MODEL_BYTES = 2 * GB
# One array of a foreign model; 160,470 x 199 numbers of double precision are 255 MB.
MOST_FOREIGN_ARRAY_BYTES = 1 * GB
# All arrays of ICT-FaceKit's release packed in one .npz: 52 MB as float32.
MOST_ICT_NPZ_BYTES = 256 * MB
# An .obj file; one of ICT-FaceKit's has 3 MB, and there are 154.
MOST_OBJ_BYTES = 256 * MB
# A list of 68 vertex numbers, or of the files of a release.
MOST_LANDMARK_FILE_BYTES = 1 * MB
# Any number of a model: micrometres and their squares stay below; the products of larger ones leave float32.
LARGEST_MODEL_NUMBER = 1e12
# Components of Exp_Pca.bin (79) and bytes of std_exp.txt (1 kB).
MOST_EXP_PCA_COMPONENTS = 1000
MOST_STDDEV_TEXT_BYTES = 1 * MB
# Blendshapes of an eos file (6) and characters of the name of one.
MOST_BLENDSHAPES = 1000
MOST_BLENDSHAPE_NAME = 200

# Pickles: a model has some thousands of operations and ten values inside each other.
MOST_PICKLE_OPERATIONS = 1_000_000
MOST_PICKLE_DEPTH = 200
MOST_PICKLE_ENTRIES = 100_000  # of a dictionary
MOST_PICKLE_DIMENSIONS = 8
# Keys of dictionaries: text short enough to hash, and integers too short to be chosen to share one hash.
MOST_PICKLE_KEY_CHARACTERS = 1000
MOST_PICKLE_KEY_BITS = 60
# Chumpy objects that pick from one another, and numbers of a sparse matrix when written out (FLAME's has 25,115).
MOST_CHUMPY_DEPTH = 10
MOST_DENSE_NUMBERS = 1 << 28

# --- datasets ------------------------------------------------------------------------------------------------------

# dataset.json: a recipe within its limits and a label table, 20 kB; COCO's licences make it larger.
MOST_MANIFEST_BYTES = 64 * MB
# A shard's index: 100 bytes a sample of images; MOST_SHARD_SAMPLES of them have 100 MB.
MOST_INDEX_BYTES = 256 * MB
# template.npz, decompressed: the finest built-in head has 6 MB, a mean face of MOST_SIDE^2 48 MB.
MOST_TEMPLATE_BYTES = 512 * MB
# samples.parquet, decompressed, per sample: a row has about 500 bytes.
MOST_TABLE_ROW_BYTES = 64 * KB
# The meta member of a sample: its parameters, about 1 kB.
MOST_META_BYTES = 1 * MB
# Coefficients of a model as a label; the published models have 199.
MOST_VECTOR = 4096
# Depth of the model origin that a plane may be stored about, mm: a kilometre.
LARGEST_ORIGIN_MM = 1e6
# USTAR writes a member's size with eleven octal digits: 8 GiB.
MOST_MEMBER_BYTES = 8**11 - 1
# npy headers: a description of one array has 128 bytes.
MOST_NPY_HEADER_BYTES = 64 * KB
