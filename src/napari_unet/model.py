"""A model: network, formulation, config and thresholds, and its folder on disk."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from .config import FORMAT, ModelConfig, checked, migrate
from .device import pick_device, pick_dtype
from .files import atomic, make_folder
from .formulations import formulation_of
from .networks import build
from .networks.unet import UNet
from .samples import Stats, normalise

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
THUMBNAIL = "thumbnail.png"
SUFFIX = ".unetmodel"
BUILT_IN = Path(__file__).parent / "models"
HEADER = "napari_unet"
MOST_BYTES = 2**31
# Rec. 709 luminance, as scikit-image's rgb2gray.
LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)


class Model:
    """A network with all that turns an image into labels.

    Parameters
    ----------
    config : ModelConfig
    network : UNet
        With weights.
    thresholds : mapping of str to float, optional
        Those of the formulation by default.
    card : mapping, optional
        Where the model comes from: data, steps, split, figures, versions. JSON-able.
    device : torch.device or str
    """

    def __init__(
        self,
        config: ModelConfig,
        network: UNet,
        thresholds: Mapping[str, float] | None = None,
        card: Mapping[str, Any] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config = config
        self.formulation = formulation_of(config)
        self.thresholds = {**self.formulation.thresholds, **(thresholds or {})}
        self.card = dict(card or {})
        self.device = torch.device(device)
        self.network = network.to(self.device)
        if config.ndim == 2:
            # Twice as fast as the default order on a CPU, and what tensor cores want.
            self.network = self.network.to(memory_format=torch.channels_last)
        self.network.eval()

    @classmethod
    def create(cls, config: ModelConfig, seed: int = 0, device: str = "auto") -> Model:
        """Make an untrained model; equal seeds give equal weights."""
        formulation = formulation_of(config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build(config, formulation.channels)
        return cls(config, network, device=pick_device(device))

    @property
    def halo(self) -> tuple[int, ...]:
        """Context that a pixel needs, in px an axis."""
        return self.network.halo

    @property
    def divisor(self) -> tuple[int, ...]:
        """What sizes are padded to multiples of, an axis."""
        return self.network.divisor

    def check(
        self,
        shape: Sequence[int],
        rgb: bool = False,
        channels: Sequence[str] = (),
        name: str = "image",
    ) -> None:
        """Raise a ValueError unless an image of this shape (C, ...) fits the model."""
        wanted, count = self.config.input, shape[0]
        if self.config.ndim == 3 and len(shape) == 3:
            raise ValueError(
                f"{name}: the image is 2D {tuple(shape[1:])} but the model is 3D; "
                "use a stack, or a 2D model"
            )
        fits = {"grey": rgb or count == 1, "rgb": rgb or count == 1}
        if isinstance(wanted, tuple):
            ok = not rgb and count == len(wanted)
        else:
            ok = fits[wanted]
        if not ok:
            names = ", ".join(channels or map(str, range(count)))
            expects = (
                f"{len(wanted)} channels ({', '.join(wanted)})"
                if isinstance(wanted, tuple)
                else "one channel" if wanted == "grey" else "one channel or RGB"
            )
            has = "RGB colours" if rgb else f"{count} channels ({names})"
            remedy = (
                "choose another model" if rgb else "choose one of them with --channel"
            )
            raise ValueError(f"{name}: the model wants {expects}, the image has {has}; {remedy}")

    def prepare(self, image: np.ndarray, rgb: bool, stats: Stats) -> np.ndarray:
        """Normalise an image, or a part of one, and adapt its channels.

        Parameters
        ----------
        image : (C, [Z,] Y, X) array
        rgb : bool
        stats : Stats
            Of the whole image.

        Returns
        -------
        (channels of the network, [Z,] Y, X) float32 array
        """
        prepared = normalise(image, stats)
        if self.config.input == "rgb" and prepared.shape[0] == 1:
            return np.repeat(prepared, 3, axis=0)
        if self.config.input == "grey" and prepared.shape[0] == 3:
            return np.tensordot(LUMINANCE, prepared, 1)[None]
        return prepared

    def maps(self, images: np.ndarray | Tensor, precision: str = "auto") -> np.ndarray:
        """Run the network.

        Parameters
        ----------
        images : (B, C, [Z,] Y, X) float32
            Prepared by :meth:`prepare`.
        precision : str
            As PredictConfig.precision.

        Returns
        -------
        (B, maps, [Z,] Y, X) float32 array, 0 to 1
        """
        dtype = pick_dtype(self.device, precision)
        batch = torch.as_tensor(images, device=self.device)
        if self.config.ndim == 2:
            batch = batch.contiguous(memory_format=torch.channels_last)
        self.network.eval()
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32),
        ):
            logits = self.network(batch)
        with torch.inference_mode():
            maps = self.formulation.activate(logits.float())
        return maps.cpu().numpy()

    def header(self) -> dict[str, Any]:
        """Return all but the weights, as it is stored."""
        return {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json"),
            "thresholds": {k: float(v) for k, v in self.thresholds.items()},
            "card": self.card,
        }

    def to_bytes(self) -> bytes:
        """Return the content of the model file."""
        tensors = {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in self.network.state_dict().items()
        }
        return safetensors.torch.save(tensors, {HEADER: json.dumps(self.header())})

    def hash(self) -> str:
        """Return the first 16 hexadecimal digits of the model file's SHA-256."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]

    def save(self, folder: str | Path) -> Path:
        """Write the model into a folder, made if need be; an older one is replaced.

        ``model.safetensors`` is the truth and is replaced in one step; ``config.json``
        is a readable copy of its header.

        Raises
        ------
        ValueError
            If it cannot be written; what was there before is then still there.
        """
        folder = make_folder(folder)
        with atomic(folder / WEIGHTS) as temporary:
            temporary.write_bytes(self.to_bytes())
        with atomic(folder / CONFIG) as temporary:
            temporary.write_text(json.dumps(self.header(), indent=2), encoding="utf-8")
        return folder

    def share(self, path: str | Path, thumbnail: bytes | None = None) -> Path:
        """Write one file that loads everywhere a folder does.

        Parameters
        ----------
        path : str or Path
            Gets the suffix ``.unetmodel``.
        thumbnail : bytes, optional
            A PNG file's content.

        Returns
        -------
        Path
        """
        path = Path(path)
        path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
        with (
            atomic(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.writestr(WEIGHTS, self.to_bytes())
            archive.writestr(CONFIG, json.dumps(self.header(), indent=2))
            if thumbnail is not None:
                archive.writestr(THUMBNAIL, thumbnail)
        return path

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Model:
        """Read a model from a folder, a ``.unetmodel`` file, or by a built-in name.

        Raises
        ------
        ValueError
            If there is no model, or its file is truncated, foreign, of another shape
            than its config says, or of a newer format.
        """
        where = find_model(path)
        data = _weights_of(where)
        header = read_header(data, str(path))
        config = checked(ModelConfig, header.get("config") or {})
        try:
            tensors = safetensors.torch.load(data)
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path}: {WEIGHTS} is damaged ({error})") from None
        with torch.device("meta"):
            network = build(config, formulation_of(config).channels)
        _check_tensors(network.state_dict(), tensors, str(path))
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()},
            assign=True,
        )
        network.requires_grad_()
        return cls(
            config,
            network,
            header.get("thresholds"),
            header.get("card"),
            pick_device(device),
        )


def find_model(path: str | Path) -> Path:
    """Return the folder or file that a path or a built-in name stands for."""
    where = Path(path)
    if where.exists():
        return where
    built_in = BUILT_IN / str(path)
    if len(where.parts) == 1 and (built_in / WEIGHTS).is_file():
        return built_in
    names = sorted(p.parent.name for p in BUILT_IN.glob(f"*/{WEIGHTS}"))
    known = f"; built in: {', '.join(names)}" if names else ""
    raise ValueError(
        f"{path}: there is no such model; give the folder that training wrote, or a "
        f"{SUFFIX} file{known}"
    )


def _weights_of(where: Path) -> bytes:
    """Return the bytes of the model file, from a folder or an archive."""
    if where.is_dir():
        file = where / WEIGHTS
        if not file.is_file():
            raise ValueError(
                f"{where}: {WEIGHTS} is missing, so this is not a model folder; give "
                "the folder that training wrote"
            )
        return file.read_bytes()
    if where.suffix == ".safetensors":
        return where.read_bytes()
    try:
        with zipfile.ZipFile(where) as archive:
            if archive.getinfo(WEIGHTS).file_size > MOST_BYTES:
                raise ValueError(f"{where}: {WEIGHTS} is larger than 2 GB")
            return archive.read(WEIGHTS)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ValueError(
            f"{where}: this is not a model file ({error}); give a {SUFFIX} file or a "
            "model folder"
        ) from None


def read_header(data: bytes, name: str) -> dict[str, Any]:
    """Return the header that :meth:`Model.save` put into the model file."""
    stream = io.BytesIO(data)
    length = int.from_bytes(stream.read(8), "little")
    try:
        if length > len(data):
            raise ValueError("truncated")
        raw = json.loads(stream.read(length))
        header = json.loads(raw["__metadata__"][HEADER])
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{name}: {WEIGHTS} is truncated or not a model of napari-unet-live; copy "
            "it again, or train the model anew"
        ) from None
    try:
        return migrate(header)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _check_tensors(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], name: str
) -> None:
    missing = sorted(expected.keys() - found.keys())
    foreign = sorted(found.keys() - expected.keys())
    if missing or foreign:
        what = f"{missing[0]} is missing" if missing else f"{foreign[0]} is foreign"
        raise ValueError(f"{name}: the weights do not fit the config: {what}")
    for key, tensor in expected.items():
        if tensor.shape != found[key].shape:
            raise ValueError(
                f"{name}: the weights do not fit the config: {key} has shape "
                f"{tuple(found[key].shape)}, expected {tuple(tensor.shape)}"
            )
