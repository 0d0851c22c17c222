"""A look inside: features lie where they belong, skips can be switched off."""

import numpy as np
import pytest
import torch
from PIL import Image as pillow

from napari_unet.cli import main
from napari_unet.config import ModelConfig
from napari_unet.data.images import Image, Stats
from napari_unet.files import sample_data
from napari_unet.models.model import Model
from napari_unet.networks import NETWORKS
from napari_unet.reports.inside import MOST_PIXELS, look_inside, places, skips
from napari_unet.reports.inside_figure import draw
from support.made import shaken

pytestmark = pytest.mark.slow

STATS = Stats((0.0,), (1.0,))


def made(name="unet", ndim=2, **options):
    options = {"depth": 2, "width": 4, **options}
    config = ModelConfig(network=name, ndim=ndim, **options)
    return shaken(Model.create(config, 1, "cpu"))


def picture(*shape, seed=0):
    image = np.random.default_rng(seed).normal(0.5, 0.3, (1, *shape))
    return Image(image.astype(np.float32))


def everywhere(shape):
    return tuple(slice(0, n) for n in shape)


@pytest.mark.parametrize("name", [*NETWORKS, "stem"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_features_of_a_part_are_those_of_the_whole(name, ndim):
    options = (
        {"name": "unet", "depth": 1, "stem": 2} if name == "stem" else {"name": name}
    )
    model, shape = made(ndim=ndim, **options), (20, 80, 92)[-ndim:]
    image = picture(*shape)
    wanted = list(places(model))
    whole, _, maps = look_inside(model, image, STATS, everywhere(shape), wanted)
    box = tuple(slice(n // 3, min(n, n // 3 + 18)) for n in shape)
    part, _, inner = look_inside(model, image, STATS, box, wanted)
    np.testing.assert_allclose(inner, maps[(slice(None), *box)], rtol=0, atol=1e-5)
    for key in wanted:
        a, b = whole[key], part[key]
        assert a.name == b.name == places(model)[key]
        level = key[0] + (name == "stem")
        assert a.stride == b.stride == (2**level,) * ndim
        at = tuple(
            slice(s // n, s // n + m)
            for s, n, m in zip(b.start, b.stride, b.maps.shape[1:], strict=True)
        )
        expected = a.maps[(slice(None), *at)]
        np.testing.assert_allclose(b.maps, expected, rtol=0, atol=1e-4)
        covers = zip(b.start, b.stride, b.maps.shape[1:], box, strict=True)
        assert all(s <= x.start and s + n * m >= x.stop for s, n, m, x in covers)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_it_says_is_what_the_model_says(name):
    model, image = made(name), picture(40, 52)
    _, _, maps = look_inside(model, image, STATS, everywhere((40, 52)), [])
    expected = model.maps(model.prepare(image.array, False, STATS)[None], "float32")
    np.testing.assert_allclose(maps, expected[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_skip_that_is_off_changes_what_is_said(name):
    model, image, box = made(name), picture(40, 52), everywhere((40, 52))
    _, _, maps = look_inside(model, image, STATS, box, [])
    assert skips(model)[0] == (0, 0)
    for key in skips(model):
        _, _, other = look_inside(model, image, STATS, box, [], without=[key])
        assert not np.allclose(maps, other, atol=1e-4)
    _, _, again = look_inside(model, image, STATS, box, [])
    np.testing.assert_array_equal(maps, again)


def test_gates_are_shown_and_lie_on_their_level():
    model, image = made("attention", depth=3), picture(64, 72)
    _, gates, _ = look_inside(model, image, STATS, everywhere((64, 72)), [])
    assert list(gates) == ["gate, level 0", "gate, level 1", "gate, level 2"]
    for level, gate in enumerate(gates.values()):
        assert gate.stride == (2**level,) * 2
        assert gate.maps.shape == (1, 64 // 2**level, 72 // 2**level)
        assert 0 < gate.maps.min() < gate.maps.max() < 1
    assert not any(m._forward_hooks for m in model.network.modules())
    for name in set(NETWORKS) - {"attention"}:
        other = look_inside(made(name), image, STATS, everywhere((64, 72)), [])[1]
        assert not other


def test_coarse_features_lie_on_the_middle_of_their_pixels():
    """A bright spot is where it was, on every level, to half a coarse pixel."""
    model = made(depth=3, norm="none")
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.fill_(0.05 if parameter.ndim > 1 else 0.0)
    image = np.zeros((1, 96, 96), np.float32)
    image[0, 40:48, 64:72] = 1
    box = (slice(5, 90), slice(7, 96))
    keys = [(level, 0) for level in range(4)]
    found, _, _ = look_inside(model, Image(image), STATS, box, keys)
    for features in found.values():
        spot = np.unravel_index(features.maps[0].argmax(), features.maps[0].shape)
        place = [
            first + stride * i + (stride - 1) / 2
            for first, stride, i in zip(
                features.start, features.stride, spot, strict=True
            )
        ]
        assert np.abs(np.array(place) - (43.5, 67.5)).max() <= 4 + features.stride[0]


def test_too_large_a_part_is_one_sentence():
    edge = int(MOST_PIXELS**0.5) + 1
    with pytest.raises(ValueError, match="the part holds 1,050,625 px; look at"):
        look_inside(
            made(), picture(edge, edge), STATS, everywhere((edge, edge)), [(0, 0)]
        )


@pytest.mark.parametrize(
    ("name", "ndim"), [("unet", 3), ("attention", 2), ("unet++", 2), ("fcn", 2)]
)
def test_levels_are_drawn(tmp_path, name, ndim):
    model, path = made(name, ndim), tmp_path / "inside.png"
    draw(model, picture(*(20, 60, 52)[-ndim:]), STATS, path)
    with pillow.open(path) as drawn:
        assert drawn.size[0] > 1000 and np.asarray(drawn).std() > 10


def test_a_large_stack_is_drawn_in_part(tmp_path):
    model, path = made("unet", 3, width=2), tmp_path / "inside.png"
    shape = (40, 164, 166)
    assert np.prod(shape) > MOST_PIXELS
    draw(model, picture(*shape), STATS, path)
    assert path.exists()


def test_the_command_line_draws_a_plane_of_a_stack(tmp_path, capsys):
    root = tmp_path / "data"
    for part, suffix in (("images", ""), ("labels", "_labels")):
        (root / part).mkdir(parents=True)
        source = sample_data.folder("nuclei").parent / f"nuclei_3d{suffix}.tif"
        (root / part / "nuclei_3d.tif").write_bytes(source.read_bytes())
    path = tmp_path / "new" / "inside.png"
    line = ["show", str(root), "--model", "nuclei", "--inside", "--output", str(path)]
    assert not main(line) and path.exists()
    assert "written" in capsys.readouterr().out


def test_a_pixel_classifier_has_no_levels(tmp_path, capsys):
    config = ModelConfig(network="forest")
    folder = Model.create(config, device="cpu").save(tmp_path / "m")
    data = sample_data.folder("nuclei") / "test"
    assert main(["show", str(data), "--model", str(folder), "--inside"]) == 2
    assert "a forest classifies each pixel by itself" in capsys.readouterr().err


def test_the_command_line_draws_a_model_of_any_size(tmp_path, capsys):
    path = tmp_path / "inside.png"
    data = sample_data.folder("nuclei") / "test"
    code = main(
        ["show", str(data), "--model", "nuclei", "--inside", "--output", str(path)]
    )
    assert not code and path.exists()
    assert capsys.readouterr().out.endswith(f"written: {path}\n")
