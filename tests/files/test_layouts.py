"""Layouts of folders: the right files are paired, the others named."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unet.events import Note, drain
from napari_unet.files.datasets import find_pairs, load_samples

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 255, (20, 30), dtype=np.uint8)
LABELS = np.zeros((20, 30), np.uint16)
LABELS[2:8, 2:8], LABELS[10:18, 12:20] = 1, 300


def put(path: Path, array: np.ndarray, **metadata) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        options = {"metadata": metadata} if metadata else {}
        tifffile.imwrite(path, array, photometric="minisblack", **options)
    else:
        Image.fromarray(array).save(path)
    return path


def load(path: Path, channel=None, **choice):
    events = []
    samples = drain(
        load_samples(find_pairs(path, **choice), channel=channel), events.append
    )
    return samples, [e.text for e in events if isinstance(e, Note)]


def indexed(folder: Path) -> Path:
    rows = ["id,split,modality"]
    for name, split, modality in (
        ("a", "train", "fluorescence"),
        ("b", "train", "stained"),
        ("c", "val", "fluorescence"),
    ):
        put(folder / "images" / f"{name}.png", IMAGE)
        put(folder / "labels" / f"{name}.png", LABELS)
        rows.append(f"{name},{split},{modality}")
    (folder / "index.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "labels", ["labels", "masks", "annotations", "gt", "ground_truth"]
)
@pytest.mark.parametrize(
    "suffix", ["", "_labels", "_label", "_masks", "_mask", "_cp_masks"]
)
def test_folders_of_images_and_labels(tmp_path, labels, suffix):
    for name in ("a", "b", "c"):
        put(tmp_path / "images" / f"{name}.png", IMAGE)
        put(tmp_path / labels / f"{name}{suffix}.tif", LABELS)
    samples, notes = load(tmp_path)
    assert [s.name for s in samples] == ["a", "b", "c"] and notes == []
    for sample in samples:
        np.testing.assert_array_equal(sample.image.array[0], IMAGE)
        np.testing.assert_array_equal(sample.labels, LABELS)


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("a.png", "a_labels.png"),
        ("a.png", "a_seg.tif"),
        ("a_image.tif", "a_label.tif"),
        ("a.ome.tif", "a_cp_masks.png"),
        ("images.ome.tif", "labels.ome.tif"),
    ],
)
def test_siblings(tmp_path, image, labels):
    put(tmp_path / image, IMAGE)
    put(tmp_path / labels, LABELS)
    (pair,) = find_pairs(tmp_path).pairs
    assert (pair.image.name, pair.labels.name) == (image, labels)
    assert str(tmp_path / labels) in str(pair)
    assert find_pairs(tmp_path / image).pairs == (pair,)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (("000_img.png", "001_img.png"), ("000_masks.png", "001_masks.png")),
        (
            ("000_img.png", "001_img.png"),
            ("000_img_cp_masks.tif", "001_img_cp_masks.tif"),
        ),
        (("s 1.tif", "s 2.tif"), ("s 1 labels.tif", "s 2 labels.tif")),
        (("cells.tif", "cells [1].tif"), ("cells labels.tif", "cells labels [1].tif")),
        (
            ("s [x=0,w=9].png", "s [x=9,w=9].png"),
            ("s [x=0,w=9]-labelled.png", "s [x=9,w=9]-labelled.png"),
        ),
        (("a.tif", "b.tif"), ("a_Object Identities.tif", "b_Object Identities.tif")),
        (("A_w1.tif", "B_w1.tif"), ("A_w1_Nuclei.tif", "B_w1_Nuclei.tif")),
        (("a 1.tif", "cells.tif"), ("Mask of a 1.tif", "Mask of cells.tif")),
        (("img_001.png", "img_002.png"), ("mask_001.png", "mask_002.png")),
        (("dapi1.png", "dapi2.png"), ("mask1.png", "mask2.png")),
        (("wt_img_1.tif", "ko_img_1.tif"), ("wt_seg_1.tif", "ko_seg_1.tif")),
        (("X/a.tif", "X/b.tif"), ("Y/a.tif", "Y/b.tif")),
        (("train/x/a.tif", "train/x/b.tif"), ("train/y/a.tif", "train/y/b.tif")),
        (("data/train/x/a.tif",), ("data/train/y/a.tif",)),
        (("Training_source/a.tif",), ("Training_target/a.tif",)),
        (("image/a.tif", "image/b.tif"), ("mask/a.tif", "mask/b.tif")),
        (("RAW/a.tif", "RAW/b.tif"), ("Ground Truth/a.tif", "Ground Truth/b.tif")),
        (("train_images/a.tif",), ("train_labels/a.tif",)),
        (("imagesTr/c_1_0000.tif",), ("labelsTr/c_1.tif",)),
        (("images/img_001.png",), ("masks/mask_001.png",)),
        (
            ("01/t000.tif", "01/t001.tif"),
            ("01_GT/SEG/seg000.tif", "01_GT/SEG/seg001.tif"),
        ),
        (
            ("01/t000.tif", "02/t000.tif"),
            ("01_ST/SEG/s000.tif", "02_ST/SEG/s000.tif"),
        ),
        (("a.tif", "b.tif"), ("masks/a.tif", "masks/b_mask.tif")),
        (("tissue images/a.tif",), ("label masks/a.tif",)),
        (("plate/a.tif", "plate/b.tif"), ("plate_masks/a.tif", "plate_masks/b.tif")),
        (("images/a.tif", "images/b.tif"), ("masks/a/", "masks/b/")),
    ],
)
def test_names_of_other_programs(tmp_path, images, labels):
    for name in images:
        put(tmp_path / name, IMAGE)
    for name in labels:
        files = (f"{name}1.tif", f"{name}2.tif") if name.endswith("/") else (name,)
        for file in files:
            put(tmp_path / file, LABELS)
    found = find_pairs(tmp_path)
    pairs = {(p.image, p.labels) for p in found.pairs}
    expected = zip(images, labels, strict=True)
    assert pairs == {(tmp_path / a, tmp_path / b) for a, b in expected}
    assert len({p.name for p in found.pairs}) == len(pairs) and found.notes == ()
    assert find_pairs(tmp_path / images[0]).pairs[0].labels == tmp_path / labels[0]


def test_channels_in_files_of_their_own_are_one_image(tmp_path):
    for channel in range(3):
        put(tmp_path / "imagesTr" / f"c_7_{channel:04}.tif", IMAGE + channel)
    put(tmp_path / "labelsTr" / "c_7.tif", LABELS)
    (sample,), _ = load(tmp_path)
    assert sample.name == "c_7"
    np.testing.assert_array_equal(
        sample.image.array, np.stack([IMAGE, IMAGE + 1, IMAGE + 2])
    )


def test_whole_objects_come_before_markers_for_tracking(tmp_path):
    put(tmp_path / "01" / "t000.tif", IMAGE)
    put(tmp_path / "01_GT" / "TRA" / "man_track000.tif", LABELS)
    (note,) = find_pairs(tmp_path).notes
    assert "01_GT/TRA holds markers for tracking" in note
    put(tmp_path / "01_ST" / "SEG" / "man_seg000.tif", LABELS)
    put(tmp_path / "01_GT" / "SEG" / "man_seg000.tif", LABELS)
    found = find_pairs(tmp_path)
    assert found.pairs[0].labels == tmp_path / "01_GT/SEG/man_seg000.tif"
    assert [n.partition(" is used, ")[2] for n in found.notes] == [
        f"{tmp_path}/01_ST/SEG is not",
        f"{tmp_path}/01_GT/TRA is not",
    ]


def test_labels_that_are_not_read_have_their_remedy(tmp_path):
    put(tmp_path / "a.tif", IMAGE)
    # Whoever unpickles this, writes a file.
    word = f"cposix\nsystem\n(S'touch {tmp_path / 'run'}'\ntR."
    (tmp_path / "a_seg.npy").write_bytes(word.encode())
    with pytest.raises(ValueError, match=r"a_seg\.npy: is Cellpose's .*a_cp_masks"):
        find_pairs(tmp_path)
    with pytest.raises(ValueError, match=r"a_seg\.npy: is Cellpose's"):
        find_pairs(tmp_path / "a.tif")
    put(tmp_path / "a_cp_masks.tif", LABELS)
    assert find_pairs(tmp_path).notes == ()
    put(tmp_path / "b.tif", IMAGE)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr("0001-0002.roi", b"Iout")
    *_, note = find_pairs(tmp_path).notes
    assert "b.zip is ImageJ's outlines" in note and "b_labels.tif" in note
    assert not (tmp_path / "run").exists()


def test_one_image_file_of_two_folders(tmp_path):
    put(tmp_path / "images" / "a.png", IMAGE)
    put(tmp_path / "images" / "b.png", IMAGE)
    put(tmp_path / "labels" / "a.png", LABELS)
    found = find_pairs(tmp_path / "images" / "a.png")
    assert [p.name for p in found.pairs] == ["a"] and found.notes == ()
    with pytest.raises(ValueError, match=r"b\.png: has no labels"):
        find_pairs(tmp_path / "images" / "b.png")


def bowl(folder: Path, masks: int = 3) -> Path:
    put(folder / "images" / f"{folder.name}.png", IMAGE)
    for i in range(masks):
        mask = np.zeros((20, 30), np.uint8)
        mask[5 * i : 5 * i + 4, 3:9] = 255
        put(folder / "masks" / f"{'0123456789'[i] * 8}.png", mask)
    return folder


def test_data_science_bowl_masks_become_labels(tmp_path):
    for name in ("one", "two"):
        bowl(tmp_path / name)
    samples, notes = load(tmp_path)
    assert [s.name for s in samples] == ["one", "two"] and notes == []
    assert np.unique(samples[0].labels).tolist() == [0, 1, 2, 3]
    assert samples[0].labels[10, 5] == 3
    assert [s.name for s in load(tmp_path / "one")[0]] == ["one"]


def test_overlaps_are_counted_and_go_to_the_first_mask(tmp_path):
    bowl(tmp_path / "one")
    second = np.zeros((20, 30), np.uint8)
    second[2:5, 3:9] = 255  # 2 rows of 6 over the first mask
    put(tmp_path / "one" / "masks" / "00000001.png", second)
    put(tmp_path / "one" / "masks" / "empty.png", second * 0)
    (sample,), notes = load(tmp_path)
    assert (sample.labels[0:4, 3:9] == 1).all()
    assert any("overlap" in n and "12 in all" in n and "one" in n for n in notes)
    assert any("without pixels of their own" in n for n in notes)
    assert sample.labels.max() == 4


def test_a_mask_of_another_shape_is_named(tmp_path):
    bowl(tmp_path / "one")
    put(tmp_path / "one" / "masks" / "bad.png", np.ones((5, 6), np.uint8))
    with pytest.raises(ValueError, match=r"bad\.png: .*\(5, 6\).*\(20, 30\)"):
        load(tmp_path)


def test_a_label_image_of_another_name_is_not_taken_for_one_object(tmp_path):
    put(tmp_path / "images" / "slide.png", IMAGE)
    put(tmp_path / "masks" / "annotation.png", LABELS)
    with pytest.raises(ValueError, match=r"annotation\.png: holds \d+ labels, where"):
        load(tmp_path)
    put(tmp_path / "masks" / "annotation.png", (LABELS > 0) * np.uint8(255))
    (sample,), _ = load(tmp_path)
    assert np.unique(sample.labels).tolist() == [0, 1]


def test_one_image_with_one_mask_image_is_no_bowl_folder(tmp_path):
    put(tmp_path / "images" / "a.png", IMAGE)
    put(tmp_path / "masks" / "a_mask.png", LABELS)
    (sample,), _ = load(tmp_path)
    assert sample.labels.max() == 300


def test_nested_folders_keep_names_apart(tmp_path):
    for folder in ("day1", "day2"):
        put(tmp_path / folder / "a.tif", IMAGE)
        put(tmp_path / folder / "a_labels.tif", LABELS)
    put(tmp_path / "day2" / "b.tif", IMAGE)
    put(tmp_path / "day2" / "b_labels.tif", LABELS)
    names = [p.name for p in find_pairs(tmp_path).pairs]
    assert names == ["b", "day1/a", "day2/a"]


def test_strays_and_lonely_files_are_skipped_with_a_note(tmp_path):
    indexed(tmp_path)
    for name in ("Thumbs.db", ".DS_Store", "notes.txt"):
        (tmp_path / "images" / name).write_text("x")
    put(tmp_path / "images" / "lonely.png", IMAGE)
    put(tmp_path / "labels" / "orphan.png", LABELS)
    found = find_pairs(tmp_path)
    assert len(found.pairs) == 3
    assert found.notes == (
        "images without labels were skipped (1): lonely.png",
        "labels without an image were skipped (1): orphan.png",
        "files that are no images were skipped (3): .DS_Store, Thumbs.db, notes.txt",
    )


def test_nothing_to_pair(tmp_path):
    with pytest.raises(ValueError, match="holds no images"):
        find_pairs(tmp_path)
    put(tmp_path / "a.png", IMAGE)
    with pytest.raises(ValueError, match="no image with labels; looked for"):
        find_pairs(tmp_path)
    with pytest.raises(ValueError, match=r"a\.png: has no labels"):
        find_pairs(tmp_path / "a.png")
    with pytest.raises(ValueError, match="does not exist"):
        find_pairs(tmp_path / "nowhere")


def test_two_files_of_labels_are_a_problem(tmp_path):
    put(tmp_path / "a.png", IMAGE)
    put(tmp_path / "a_labels.png", LABELS)
    put(tmp_path / "a_mask.png", LABELS)
    with pytest.raises(ValueError, match=r"a_labels\.png and .*a_mask\.png"):
        find_pairs(tmp_path)


def test_two_files_named_after_objects_are_a_problem(tmp_path):
    put(tmp_path / "a.png", IMAGE)
    put(tmp_path / "a_Nuclei.png", LABELS)
    put(tmp_path / "a_Cells.png", LABELS)
    with pytest.raises(ValueError, match=r"a_Cells\.png and .*a_Nuclei\.png; keep"):
        find_pairs(tmp_path)
    put(tmp_path / "a_labels.png", LABELS)
    (pair,) = find_pairs(tmp_path).pairs
    assert pair.labels == tmp_path / "a_labels.png"
