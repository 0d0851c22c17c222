"""The model that comes with the package: nuclei of any kind, without training."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_unet.data.images import Image
from napari_unet.data.samples import Sample
from napari_unet.data.sizes import resample, typical_size
from napari_unet.events import drain
from napari_unet.files import sample_data
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.files.readers import read_image
from napari_unet.models.card import describe
from napari_unet.models.model import Model, in_16_bits
from napari_unet.models.store import BUILT_IN
from napari_unet.scoring import metrics
from support.made import segmented

pytestmark = pytest.mark.slow

MOST_BYTES = 16 * 2**20


@pytest.fixture(scope="module")
def nuclei():
    return Model.load("nuclei", "cpu")


@pytest.fixture(scope="module")
def script():
    """scripts/nuclei.py, which trained it."""
    path = Path(__file__).parents[2] / "scripts" / "nuclei.py"
    spec = importlib.util.spec_from_file_location("nuclei_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fields():
    """Generated fluorescence images that no model was trained on, with labels."""
    return drain(load_samples(find_pairs(sample_data.folder("nuclei") / "test")))


@pytest.fixture(scope="module")
def base(nuclei, fields):
    """AP50 on the fields as they are."""
    return ap50(nuclei, fields)


def ap50(model, samples):
    found = []
    for sample in samples:
        result, _ = segmented(model, sample.image)
        found.append(metrics.match(sample.labels, result.labels))
    return metrics.score(found).pooled.ap["0.50"]


def test_it_is_small_and_says_what_it_is():
    folder = BUILT_IN / "nuclei"
    assert sum(f.stat().st_size for f in folder.iterdir()) < MOST_BYTES
    header = json.loads((folder / "config.json").read_text("utf-8"))
    text = "\n".join(describe("nuclei", header))
    assert "CC0" in text
    assert "any size" in text
    assert "started from: the model with hash" in text, "its second stage did"


def test_its_weights_are_what_16_bits_hold(nuclei):
    for tensor in nuclei.network.state_dict().values():
        assert torch.equal(tensor, in_16_bits(tensor).to(tensor.dtype))


def test_it_is_the_default_of_the_command_line(tmp_path, capsys):
    from napari_unet.cli import main

    image = sample_data.folder("nuclei") / "test" / "images" / "nuclei_08.tif"
    assert main(["segment", str(image), "--output", str(tmp_path)]) in (None, 0)
    told = json.loads((tmp_path / "nuclei_08_labels.json").read_text("utf-8"))
    assert told["model"]["path"] == "nuclei"
    assert told["objects"] > 20
    assert "px wide" in capsys.readouterr().out


def merge(image):
    """Nuclei in blue, cytoplasm around them in red, haze in green."""
    nuclei = image[0] / image.max()
    around = ndimage.gaussian_filter(nuclei, 8)
    red = np.clip(2 * around - nuclei, 0, 0.8)
    green = np.linspace(0, 0.3, image.shape[2]) * (0.5 + around)
    return (255 * np.stack([red, green, nuclei])).astype(np.uint8)


CHANGES = {
    "float, below zero": (lambda image: image.astype(np.float32) * 1e-3 - 7, 0.03),
    "16 bits": (lambda image: image.astype(np.uint16) * 13 + 400, 0.03),
    "dark on bright": (lambda image: image.max() - image, 0.15),
    "grey as RGB": (lambda image: np.repeat(image, 3, axis=0), 0.03),
    "RGB merge": (merge, 0.15),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_finds_nuclei_of_any_type_polarity_and_colour(nuclei, fields, base, what):
    change, cost = CHANGES[what]
    arrays = [change(s.image.array) for s in fields]
    changed = [
        Sample(Image(a, len(a) == 3, name=s.name), s.labels)
        for a, s in zip(arrays, fields, strict=True)
    ]
    assert base > 0.75
    assert ap50(nuclei, changed) > base - cost


@pytest.mark.parametrize("zoom", [0.5, 4.0])
def test_it_finds_them_at_any_magnification(nuclei, fields, base, zoom):
    near = [resample(s, zoom) for s in fields]
    assert ap50(nuclei, near) > base - 0.12
    for sample in near:
        size = segmented(nuclei, sample.image)[0].object_size
        assert size == pytest.approx(typical_size([sample]), rel=0.35)


def test_it_finds_few_large_nuclei_among_debris(nuclei, script):
    assert ap50(nuclei, script.large_fields(7_000, 1)) > 0.7


def test_it_finds_next_to_nothing_where_nothing_is(nuclei, script):
    """Noise, uneven light, specks, fibres, haze, grain: two fields of each."""
    empty = script.empty_fields(np.random.default_rng(7_000))[:12]
    found = [len(segmented(nuclei, s.image)[0].ids) for s in empty]
    assert sum(found) <= 1


def test_it_finds_stained_nuclei(nuclei):
    path = sample_data.folder("nuclei").parent / "tissue.tif"
    image = read_image(path)
    result, _ = segmented(nuclei, image.array, rgb=image.rgb)
    assert len(result.ids) > 30


@pytest.mark.parametrize(
    ("modality", "least"), [("fluorescence", 0.78), ("stained", 0.6)]
)
def test_it_is_as_good_as_it_says_on_real_images(nuclei, real_data, modality, least):
    where = {"modality": modality}
    data = find_pairs(real_data / "dsb2018", split="val", where=where)
    samples = drain(load_samples(data))[:5]
    assert ap50(nuclei, samples) > least


def test_it_does_not_take_evenly_stained_ground_for_nuclei(nuclei, script):
    fields = script.stained_fields(7_000)[:7]  # with 0 to 6 nuclei
    found = [len(segmented(nuclei, s.image)[0].ids) for s in fields]
    true = [len(np.unique(s.labels)) - 1 for s in fields]
    assert sum(found) <= sum(true) + 4
