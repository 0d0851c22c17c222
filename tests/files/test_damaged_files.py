"""Files that are truncated, damaged or no images: one sentence, never wrong pixels."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unet.files.readers import read_image, read_labels

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 255, (20, 30, 3), dtype=np.uint8)
STACK = RNG.integers(0, 255, (5, 20, 30), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.png", b"some text"), ("a.tif", b"some text"), ("a.bmp", b""), ("a.tif", b"")],
)
def test_what_is_no_image_is_said_in_one_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    for read in (read_image, read_labels):
        with pytest.raises(ValueError, match=rf"{name}: cannot be read \(") as raised:
            read(tmp_path / name)
        assert "\n" not in str(raised.value)


def write(path: Path, array: np.ndarray, **options) -> None:
    tifffile.imwrite(path, array, photometric="minisblack", **options)


def whole_files(folder: Path) -> list[Path]:
    Image.fromarray(GREY).save(folder / "grey.png")
    Image.fromarray(COLOUR).save(folder / "colour.jpg")
    Image.fromarray(COLOUR).save(folder / "colour.bmp")
    Image.fromarray(COLOUR).save(folder / "colour.webp", lossless=True)
    Image.fromarray(COLOUR).save(folder / "colour.jp2")
    deep = COLOUR.astype(np.uint16) * 257
    (folder / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    options = {"plain": {}, "big": {"bigtiff": True}, "tiled": {"tile": (16, 16)}}
    options |= {c: {"compression": c} for c in ("lzw", "zlib", "jpeg", "zstd")}
    for name, option in options.items():
        write(folder / f"{name}.tif", STACK, **option)
    write(folder / "imagej.tif", STACK, imagej=True)
    write(folder / "omexml.ome.tif", STACK, metadata={"axes": "TYX"})
    return sorted(folder.iterdir())


def test_a_truncated_file_is_never_taken_for_a_whole_one(tmp_path):
    for path in whole_files(tmp_path):
        content, whole = path.read_bytes(), read_image(path)
        part = path.with_name("part" + "".join(path.suffixes))
        failed = 0
        for length in np.linspace(0, len(content) - 1, 60).astype(int):
            part.write_bytes(content[:length])
            try:
                image = read_image(part)
            except ValueError as error:
                assert "cannot be read" in str(error), path.name
                failed += 1
                continue
            # Only what nobody needs may be missing, such as a closing mark.
            assert image.axes == whole.axes, (path.name, length)
            np.testing.assert_array_equal(image.array, whole.array)
        assert failed >= 50, path.name
        part.unlink()


def test_a_damaged_file_raises_nothing_but_value_errors(tmp_path):
    for path in whole_files(tmp_path):
        content = path.read_bytes()
        broken = path.with_name("broken" + "".join(path.suffixes))
        for seed in range(20):
            rng = np.random.default_rng(seed)
            damaged = bytearray(content)
            for place in rng.integers(0, min(len(content), 400), 4):
                damaged[place] = rng.integers(256)
            broken.write_bytes(damaged)
            try:
                read_image(broken)
            except ValueError as error:
                assert "broken" in str(error)
        broken.unlink()


def test_paths_that_are_no_image_files(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"x")
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(ValueError, match=r"\.xyz is not a known .* \.png .* \.tif"):
        read_image(tmp_path / "a.xyz")
    with pytest.raises(ValueError, match=r"b\.png: does not exist"):
        read_image(tmp_path / "b.png")
    with pytest.raises(ValueError, match="is a folder"):
        read_image(tmp_path / "folder.tif")


def test_a_stack_with_one_header_that_lost_slices(tmp_path):
    # ImageJ writes stacks above 4 GB with the header of the first slice only.
    path = tmp_path / "a.tif"
    write(path, STACK, imagej=True, truncate=True, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_image(path).array[0], STACK)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(ValueError, match=r"a\.tif: cannot be read"):
        read_image(path)


def test_planes_that_lie_in_a_lost_file(tmp_path):
    path = tmp_path / "a.ome.tif"
    write(path, STACK, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    write(path, STACK[:3], description=xml, metadata=None, ome=False)
    with pytest.raises(ValueError, match="planes are missing"):
        read_image(path)
