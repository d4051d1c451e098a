from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from synthgen.asset_io import images
from synthgen.asset_io.photos import photo_size, read_mask, read_photo, warp_photo
from synthgen.core.errors import AssetError, UsageError

TAG = 0x0112


def picture(height: int = 30, width: int = 40) -> np.ndarray:
    """Corners of four colours and a bright spot, so that each of the eight turns looks different."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[: height // 3, : width // 3] = (250, 10, 10)
    pixels[: height // 3, -width // 3 :] = (10, 250, 10)
    pixels[-height // 3 :, : width // 3] = (10, 10, 250)
    return pixels


def write_with_tag(path: Path, tag: int) -> Path:
    exif = Image.Exif()
    exif[TAG] = tag
    Image.fromarray(picture()).save(path, exif=exif.tobytes(), **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_upright_is_what_a_viewer_shows(tmp_path: Path, suffix: str, tag: int) -> None:
    path = write_with_tag(tmp_path / f"a.{suffix}", tag)
    with Image.open(path) as image:
        shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
        stored = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(read_photo(path, "upright") - shown).max() <= 3  # two JPEG decoders
    assert np.abs(read_photo(path, "stored") - stored).max() <= 3
    assert photo_size(path, "upright") == shown.shape[:2]
    assert photo_size(path, "stored") == (30, 40)


def test_exif_rotation_is_refused_until_someone_decides(tmp_path: Path) -> None:
    path = write_with_tag(tmp_path / "phone.jpg", 6)
    for read in (read_photo, photo_size):
        with pytest.raises(AssetError, match=r"phone\.jpg.*orientation is 6.*--exif stored.*--exif upright"):
            read(path)
    assert photo_size(write_with_tag(tmp_path / "flat.jpg", 1)) == (30, 40)
    with pytest.raises(UsageError, match="orientation"):
        read_photo(path, "sideways")  # type: ignore[arg-type]


def test_exif_without_meaning_turns_nothing(tmp_path: Path) -> None:
    path = write_with_tag(tmp_path / "odd.jpg", 77)
    assert photo_size(path) == (30, 40)
    data = write_with_tag(tmp_path / "good.jpg", 6).read_bytes()
    start = data.index(b"Exif\0\0") + 6
    (tmp_path / "broken.jpg").write_bytes(data[:start] + b"\xff" * 12 + data[start + 12 :])
    assert read_photo(tmp_path / "broken.jpg").shape == (30, 40, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_size_agrees_with_the_pixels(tmp_path: Path, name: str) -> None:
    Image.fromarray(picture(31, 57)).save(tmp_path / name)
    assert photo_size(tmp_path / name) == read_photo(tmp_path / name).shape[:2] == (31, 57)


def test_missing_and_damaged_photos_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    for name, words in (("none.jpg", "does not exist"), ("bad.jpg", "not a readable image")):
        with pytest.raises(AssetError, match=rf"{name}.*{words}"):
            photo_size(tmp_path / name)


def test_the_header_alone_does_not_vouch_for_a_jpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    with pytest.raises(AssetError, match=r"a\.jpg: the file is truncated"):
        photo_size(path)
    path.write_bytes(data + b"\0" * 100)  # some phones append something
    assert photo_size(path) == (200, 300)
    Image.new("CMYK", (40, 30)).save(path)
    with pytest.raises(AssetError, match=r"a\.jpg: CMYK colours"):
        photo_size(path)
    path.write_bytes(data)
    monkeypatch.setattr(images, "MOST_PIXELS", 50_000)
    with pytest.raises(AssetError, match=r"a\.jpg: the image is too large"):
        photo_size(path)


def test_mask_is_white_above_the_middle_and_has_the_size_of_its_photo(tmp_path: Path) -> None:
    gray = np.array([[0, 127, 128], [255, 3, 200]], np.uint8)
    Image.fromarray(gray).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", (2, 3)), [[False, False, True], [True, False, True]])
    with pytest.raises(AssetError, match=r"m\.png: the mask has 3 x 2 pixels, its photo 4 x 2"):
        read_mask(tmp_path / "m.png", (2, 4))


def similarity(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[cos, sin, x], [-sin, cos, y]])


def sources(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 2): the photo point under each output pixel's centre."""
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    return (np.stack([x, y], -1) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


def test_identity_and_whole_pixels_return_the_bytes() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (50, 70, 3), np.uint8)
    np.testing.assert_array_equal(warp_photo(noise, similarity(1, 0, 0, 0), (50, 70)), noise)
    moved = warp_photo(noise, similarity(1, 0, 5, -8), (50, 70))
    np.testing.assert_array_equal(moved[:42, 5:], noise[8:, :65])
    assert not moved[42:].any() and not moved[:, :5].any()
    replicated = warp_photo(noise, similarity(1, 0, 5, -8), (50, 70), "replicate")
    np.testing.assert_array_equal(replicated[:42, :5], np.repeat(noise[8:, :1], 5, axis=1))
    np.testing.assert_array_equal(replicated[42:, 5:], np.repeat(noise[-1:, :65], 8, axis=0))


@pytest.mark.parametrize(
    ("scale", "degrees", "x", "y"),
    [(1, 0, 0.3, 0.8), (1, 17, 0.3, 12), (2.3, 0, -60, -50), (2.3, -8, -90, -40), (0.5, 0, 0, 0), (0.43, 0, 3.1, 2.6),
     (0.61, 25, 3, 20), (0.2, 0, 0.4, 0.7), (0.15, -40, 8, 8)],
)  # fmt: skip
def test_a_ramp_is_sampled_at_the_right_places(scale: float, degrees: float, x: float, y: float) -> None:
    # The value of a pixel is its centre's x, y or a mixture: any filter that is centred returns the place it sampled.
    column, row = np.meshgrid(np.arange(250), np.arange(200))
    ramp = np.stack([column, row, 250 - column], axis=-1).astype(np.uint8)
    matrix, size = similarity(scale, degrees, x, y), (60, 80)
    place = sources(matrix, size)
    expected = np.stack([place[..., 0] - 0.5, place[..., 1] - 0.5, 250.5 - place[..., 0]], axis=-1)
    margin = 2.0 / min(1.0, scale)  # where the filter meets the edge
    inside = ((place > margin) & (place < np.array([250, 200]) - margin)).all(axis=-1)
    error = warp_photo(ramp, matrix, size)[inside] - expected[inside]
    assert inside.sum() > 200
    # Rounding alone gives 0.5, reducing and then sampling rounds twice; reductions beyond 6 start with a box filter,
    # whose means of two whole numbers are all rounded up here.
    assert np.abs(error).max() < (0.51 if scale >= 1 else 1.1 if scale > 1 / 6 else 1.6)
    if degrees and scale > 1 / 6:  # without rotation every output pixel may round the same way
        assert np.abs(error.mean(axis=0)).max() < 0.12


def test_bilinear_values_at_hand() -> None:
    pixels = np.array([[[0], [100]], [[200], [40]]], np.uint8).repeat(3, axis=2)
    # Output (0, 0) sees the photo point (0.75, 0.75): weights 0.75 and 0.25 both ways.
    value = warp_photo(pixels, similarity(1, 0, -0.25, -0.25), (1, 1))[0, 0]
    expected = 0.75 * (0.75 * 0 + 0.25 * 100) + 0.25 * (0.75 * 200 + 0.25 * 40)
    np.testing.assert_array_equal(value, [round(expected)] * 3)


def test_shrinking_does_not_alias() -> None:
    board = (np.indices((240, 240)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    for matrix in (similarity(0.25, 0, 0, 0), similarity(0.3, 30, 10, 30)):
        shrunk = warp_photo(board, matrix, (60, 60), "replicate").astype(int)
        assert np.abs(shrunk[5:-5, 5:-5] - 127.5).max() <= 6  # plain bilinear sampling shows bars of 0 and 255


@pytest.mark.parametrize("degrees", [0.0, 35.0])
@pytest.mark.parametrize("scale", [0.3, 1.0, 1.6])
def test_borders_are_black_or_the_nearest_pixel(scale: float, degrees: float) -> None:
    photo = np.full((80, 90, 3), 200, np.uint8)
    matrix, size = similarity(scale, degrees, 20.3, 25.6), (70, 100)
    place = sources(matrix, size)
    inside = ((place >= 0) & (place <= [90, 80])).all(axis=-1)
    np.testing.assert_array_equal(warp_photo(photo, matrix, size)[..., 0], np.where(inside, 200, 0))
    np.testing.assert_array_equal(warp_photo(photo, matrix, size, "replicate"), np.full((*size, 3), 200))


@pytest.mark.parametrize("shift", [1e7, -1e7])
@pytest.mark.parametrize("degrees", [0.0, 20.0])
def test_an_output_far_beside_the_photo_costs_nothing(shift: float, degrees: float) -> None:
    photo = np.zeros((40, 50, 3), np.uint8)
    photo[:, :, 0] = 60
    photo[:, -1 if shift < 0 else 0, 1] = 90
    matrix = similarity(1, degrees, shift, 3 * shift if degrees else 0)
    assert not warp_photo(photo, matrix, (20, 20)).any()
    assert (warp_photo(photo, matrix, (20, 20), "replicate")[..., 0] == 60).all()
    if not degrees:
        assert (warp_photo(photo, matrix, (20, 20), "replicate")[..., 1] == 90).all()


def test_mirroring_is_a_similarity_too_and_shear_is_not() -> None:
    noise = np.random.default_rng(4).integers(0, 256, (20, 30, 3), np.uint8)
    mirrored = warp_photo(noise, np.array([[-1.0, 0, 30], [0, 1, 0]]), (20, 30))
    np.testing.assert_array_equal(mirrored, noise[:, ::-1])
    for matrix in ([[1.0, 0.5, 0], [0, 1, 0]], [[1.0, 0, 0], [0, 2, 0]], [[np.nan, 0, 0], [0, 1, 0]]):
        with pytest.raises(UsageError, match="matrix"):
            warp_photo(noise, np.array(matrix), (20, 30))
    with pytest.raises(UsageError, match="nothing to see"):
        warp_photo(noise, similarity(0.05, 0, 0, 0), (20, 30))
