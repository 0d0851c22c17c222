"""Which files are segmented, and what is refused before the work."""

import numpy as np
import pytest
from PIL import Image

from napari_unet.segmentation.outputs import check_outputs, find_images


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(path)
    return path


@pytest.mark.parametrize("folder", ["well [A1]", "a", "[x=0,y=0] [1]"])
def test_brackets_in_names_are_found_by_patterns(tmp_path, folder):
    file = put(tmp_path / folder / "s [0].png")
    put(tmp_path / "well A" / "other.png")
    for pattern in ("*.png", "s*", "s [0]*"):
        assert find_images([f"{tmp_path / folder}/{pattern}"])[0] == [file]
    assert find_images([f"{tmp_path}/*/s [[]0].png"])[0] == [file]
    with pytest.raises(ValueError, match="nothing matches"):
        find_images([f"{tmp_path / folder}/*.tif"])


def test_labels_beside_their_image_are_no_images(tmp_path):
    image = put(tmp_path / "a_img.png")
    put(tmp_path / "a_masks.png")
    found, (note,) = find_images([str(tmp_path)])
    assert found == [image]
    assert note.endswith("labels beside their image are not segmented (1): a_masks.png")


def test_a_folder_of_images_of_any_name(tmp_path):
    image = put(tmp_path / "imagesTs" / "a_0000.png")
    assert find_images([str(tmp_path)])[0] == [image]


def test_links_to_nothing_are_named(tmp_path):
    image, lost = put(tmp_path / "a.png"), tmp_path / "b.png"
    lost.symlink_to(tmp_path / "nowhere.png")
    found, (note,) = find_images([str(tmp_path)])
    assert found == [image]
    assert note.endswith("links to files that are not there were skipped (1): b.png")
    assert lost in find_images([f"{tmp_path}/*.png"])[0]


def test_names_that_get_too_long_are_refused(tmp_path):
    check_outputs([tmp_path / f"{'n' * 200}.tif"], tmp_path / "out")
    with pytest.raises(ValueError, match=r"258 characters long, 255 .* shorter name"):
        check_outputs([tmp_path / f"{'n' * 246}.tif"], tmp_path / "out")
    with pytest.raises(ValueError, match="shorter name"):
        check_outputs([tmp_path / f"{'ä' * 123}.tif"], tmp_path / "out")
