"""Data sets: the index chooses, pairs become samples, all problems come at once."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unet.data.samples import data_hash
from napari_unet.events import Note, Progress, drain
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


def data(name: str) -> Path:
    folder = os.environ.get("NAPARI_UNET_DATA")
    if not folder:
        pytest.skip("NAPARI_UNET_DATA does not name the folder of real data")
    return Path(folder) / name


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


def test_the_index_chooses_and_groups(tmp_path):
    found = find_pairs(indexed(tmp_path))
    assert found.has_split
    assert [p.name for p in found.only(split="train").pairs] == ["a", "b"]
    chosen = {"where": {"modality": "fluorescence"}}
    assert [p.name for p in find_pairs(tmp_path, **chosen).pairs] == ["a", "c"]
    chosen["split"] = "val"
    assert [p.name for p in find_pairs(tmp_path, **chosen).pairs] == ["c"]
    samples = drain(load_samples(found))
    assert [found.group(s) for s in samples] == [
        "fluorescence",
        "stained",
        "fluorescence",
    ]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"split": "test"}, "no image has split 'test'; choose one of train, val"),
        ({"where": {"stain": "x"}}, "no column 'stain'; .* id, split, modality"),
        ({"where": {"modality": "x"}}, "choose one of fluorescence, stained"),
        (
            {"split": "val", "where": {"modality": "stained"}},
            "'stained' and split 'val'",
        ),
    ],
)
def test_a_choice_that_the_index_does_not_know(tmp_path, choice, words):
    with pytest.raises(ValueError, match=words):
        find_pairs(indexed(tmp_path), **choice)


def test_a_split_without_an_index(tmp_path):
    indexed(tmp_path)
    (tmp_path / "index.csv").unlink()
    found = find_pairs(tmp_path)
    assert not found.has_split
    with pytest.raises(ValueError, match=r"has no index\.csv, so split 'train'"):
        found.only(split="train")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,split\na,train", "has no column id but name, split"),
        ("", "has no column id but nothing"),
        ("id,split\na,train\na ,val", "lists a twice"),
        ("id,split, id\na,train,b", "has two columns id"),
    ],
)
def test_a_bad_index(tmp_path, text, words):
    (indexed(tmp_path) / "index.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        find_pairs(tmp_path)


def test_spaces_and_case_in_an_index_mean_nothing(tmp_path):
    text = "id , split\na, Train\n b ,train \nc,VAL\n"
    (indexed(tmp_path) / "index.csv").write_text(text)
    found = find_pairs(tmp_path)
    assert found.columns == ("id", "split") and found.notes == ()
    assert [p.name for p in found.for_training().pairs] == ["a", "b"]


def test_an_unknown_split_is_told(tmp_path):
    text = "id,split\na,train\nb,trian\nc\n"
    (indexed(tmp_path) / "index.csv").write_text(text)
    (note,) = find_pairs(tmp_path).notes
    assert note.startswith(
        "images have a split in index.csv that is none of train, val, test, but '', "
        "'trian' (2): b, c"
    )


def test_an_index_that_does_not_fit_is_noted(tmp_path):
    text = "id,split\na,train\nb,train\nz,val\n"
    (indexed(tmp_path) / "index.csv").write_text(text)
    notes = find_pairs(tmp_path).notes
    assert any("no image with labels (1): z" in n for n in notes)
    assert any("not listed in index.csv (1): c" in n for n in notes)


def test_all_problems_are_told_at_once_each_with_its_file(tmp_path):
    indexed(tmp_path)
    cut = tmp_path / "images" / "a.png"
    cut.write_bytes(cut.read_bytes()[:100])
    put(tmp_path / "labels" / "b.png", LABELS[:9])
    picture = RNG.integers(0, 255, (20, 30, 3), dtype=np.uint8)
    put(tmp_path / "labels" / "c.png", picture)
    put(tmp_path / "images" / "a.tif", IMAGE)  # a second image for labels/a.png
    with pytest.raises(ValueError) as raised:
        load(tmp_path)
    first, *problems = str(raised.value).splitlines()
    assert first == f"{tmp_path}: 4 problems"
    for words in (
        "a.tif: its labels are not clear",
        "a.png: cannot be read",
        "b: the labels have shape (9, 30) but the image has (20, 30)",
        "c.png: has 3 different channels",
    ):
        assert sum(words in p for p in problems) == 1, words


def test_time_is_cut_into_frames(tmp_path):
    images = np.stack([IMAGE] * 4)
    labels = np.stack([LABELS * (t > 0) for t in range(4)])
    put(tmp_path / "a.ome.tif", images, axes="TYX")
    put(tmp_path / "a_labels.tif", labels)  # its pages have no name
    samples, _ = load(tmp_path)
    assert [s.name for s in samples] == ["a_t0", "a_t1", "a_t2", "a_t3"]
    assert {s.series for s in samples} == {"a"}
    assert [s.labels.max() for s in samples] == [0, 300, 300, 300]
    (tmp_path / "index.csv").write_text("id,modality\na,phase\n")
    assert {find_pairs(tmp_path).group(s) for s in samples} == {"phase"}
    put(tmp_path / "a_labels.tif", labels[:3])
    with pytest.raises(ValueError, match="3 time points but the image has 4"):
        load(tmp_path)


def test_one_channel_of_several(tmp_path):
    image = RNG.integers(0, 9, (5, 20, 30), dtype=np.uint8)
    names = {"Name": ["DAPI", "GFP", "RFP", "Cy5", "BF"]}
    put(tmp_path / "a.ome.tif", image, axes="CYX", Channel=names)
    put(tmp_path / "a_labels.tif", LABELS)
    (whole,), _ = load(tmp_path)
    assert whole.channels == tuple(names["Name"])
    for channel in ("RFP", 2, "2"):
        (sample,), _ = load(tmp_path, channel)
        np.testing.assert_array_equal(sample.image.array, image[2:3])
    with pytest.raises(ValueError, match=r"a: has no channel 'YFP'.* 1 \(GFP\)"):
        load(tmp_path, "YFP")


def test_progress_and_notes(tmp_path):
    for name in "ab":
        put(tmp_path / f"{name}.tif", np.stack([IMAGE] * 5))
        put(tmp_path / f"{name}_labels.tif", np.stack([LABELS] * 5))
    events = []
    samples = drain(load_samples(find_pairs(tmp_path)), events.append)
    assert [e for e in events if isinstance(e, Progress)] == [
        Progress("loading", i, 2) for i in range(3)
    ]
    (note,) = [e.text for e in events if isinstance(e, Note)]
    assert "5 pages" in note and note.endswith("(2): a, b")
    assert samples[0].ndim == 3


def test_the_hash_tells_data_apart(tmp_path):
    samples, _ = load(indexed(tmp_path))
    described = data_hash(samples)
    assert described[0] == described[1] | {"name": "a"}
    assert described[0]["shape"] == [20, 30] and described[0]["objects"] == 2
    put(tmp_path / "labels" / "a.png", LABELS // 300)
    changed = data_hash(load(tmp_path)[0])
    assert changed[0]["sha256"] != described[0]["sha256"]
    assert changed[1:] == described[1:]
    assert len(changed[0]["sha256"]) == 16


def test_real_data_science_bowl():
    found = find_pairs(data("dsb2018"), split="val", where={"modality": "stained"})
    assert len(found.pairs) == 11
    samples = drain(load_samples(found))
    assert all(s.rgb and s.image.array.shape[0] == 3 for s in samples)
    for pair, sample in zip(found.pairs, data_hash(samples), strict=True):
        assert int(pair.row["nuclei"]) == sample["objects"]


def test_real_masks_give_the_objects_of_the_real_labels():
    merged = drain(load_samples(find_pairs(data("stage1_train_layout"))))
    whole = find_pairs(data("dsb2018"))
    names = {s.name for s in merged}
    assert len(merged) == 20 and names <= {p.name for p in whole.pairs}
    pairs = {p.name: p for p in whole.pairs if p.name in names}
    for sample in data_hash(merged):
        assert sample["objects"] == int(pairs[sample["name"]].row["nuclei"])


def test_real_stacks_and_time_lapse():
    stacks = drain(load_samples(find_pairs(data("nuclei_3d"))))
    assert [s.name for s in stacks] == ["1135_image", "1136_image"]
    for stack in stacks:
        assert stack.shape == (100, 100, 100)
        assert stack.spacing == pytest.approx((0.284, 0.127, 0.127), abs=1e-3)
    frames = drain(load_samples(find_pairs(data("timelapse"))))
    assert len(frames) == 10
    assert all(f.series == "images" and f.labels.any() for f in frames)
