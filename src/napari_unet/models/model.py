"""A model: network, formulation, config and thresholds, and its folder on disk."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from napari_unet.atomic import atomic, make_folder, reason
from napari_unet.config import ModelConfig
from napari_unet.config.model import CLASSIFIER_NAMES
from napari_unet.data.images import Image, Stats, normalise
from napari_unet.device import pick_device, pick_dtype
from napari_unet.formulations import formulation_of
from napari_unet.models.fitting import fitted
from napari_unet.models.store import (
    CONFIG,
    FORMAT,
    HEADER,
    MOST_BYTES,
    REHEARSAL,
    SUFFIX,
    THUMBNAIL,
    WEIGHTS,
    contents,
    find_model,
    read_extra,
    read_header,
    read_tensors,
    read_weights,
)
from napari_unet.networks import build
from napari_unet.networks.base import Network

# Rec. 709 luminance, as scikit-image's rgb2gray.
LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)


def in_16_bits(tensor: Tensor) -> Tensor:
    """Return weights in 16 bits, and vectors, which take little room, as they are.

    Variances of batch normalisation may exceed what 16 bits hold, 65,504.
    """
    weights = tensor.is_floating_point() and tensor.ndim > 1
    return tensor.half() if weights else tensor


class Model:
    """A network with all that turns an image into labels.

    Parameters
    ----------
    config : ModelConfig
    network : Network
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
        network: Network,
        thresholds: Mapping[str, float] | None = None,
        card: Mapping[str, Any] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config = config
        self.formulation = formulation_of(config)
        self.thresholds = {**self.formulation.thresholds, **(thresholds or {})}
        self.card = dict(card or {})
        self.thumbnail: bytes | None = None  # a PNG file: what the model does
        self.rehearsal: bytes | None = None  # crops of its training images
        self.device = torch.device(device)
        self.network = network.to(self.device)
        if config.ndim == 2:
            # Twice as fast as the default order on a CPU, and what tensor cores want.
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
        """Context that a pixel needs, in px per axis."""
        return self.network.halo

    @property
    def divisor(self) -> tuple[int, ...]:
        """What sizes are padded to multiples of, per axis."""
        return self.network.divisor

    @property
    def finite(self) -> bool:
        """Whether all weights are numbers; others would not be loaded again."""
        tensors = self.network.state_dict().values()
        return all(bool(t.isfinite().all()) for t in tensors)

    def fitted(self, image: Image) -> Image:
        """Return an image with the channels that the model wants, in its order.

        A ValueError unless the image fits the model.
        """
        return fitted(self.config, image)

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

    def maps(
        self,
        images: np.ndarray | Tensor,
        precision: str = "auto",
        level: int | None = None,
    ) -> np.ndarray:
        """Run the network.

        Parameters
        ----------
        images : (B, C, [Z,] Y, X) float32
            Prepared by :meth:`prepare`.
        precision, level
            As of PredictConfig.

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
            logits = self.network(batch, level)
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

    def to_bytes(self, half: bool = False) -> bytes:
        """Return the content of the model file; `half`: as :func:`in_16_bits`."""
        tensors = {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in self.network.state_dict().items()
        }
        if half:
            tensors = {name: in_16_bits(t) for name, t in tensors.items()}
        return safetensors.torch.save(tensors, {HEADER: json.dumps(self.header())})

    def hash(self) -> str:
        """Return the first 16 hexadecimal digits of the model file's SHA-256."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]

    def save(self, folder: str | Path, half: bool = False) -> Path:
        """Write the model into a folder, made if need be; an older one is replaced.

        ``model.safetensors`` is the truth and is replaced in one step; ``config.json``
        is a readable copy of its header. With `half` weights take 16 bits: for a model
        whose weights were rounded to them before it was validated.

        Raises
        ------
        ValueError
            If it cannot be written; what was there before is then still there.
        """
        folder = make_folder(folder)
        with atomic(folder / WEIGHTS) as temporary:
            temporary.write_bytes(self.to_bytes(half))
        with atomic(folder / CONFIG) as temporary:
            temporary.write_text(json.dumps(self.header(), indent=2), encoding="utf-8")
        for name, content in self._extras().items():
            with atomic(folder / name) as temporary:
                temporary.write_bytes(content)
        return folder

    def _extras(self) -> dict[str, bytes]:
        """Return what comes with the model, by the names of the files."""
        extras = {THUMBNAIL: self.thumbnail, REHEARSAL: self.rehearsal}
        return {name: content for name, content in extras.items() if content}

    def share(self, path: str | Path, crops: bool = False) -> Path:
        """Write one file that loads everywhere a folder does.

        Parameters
        ----------
        path : str or Path
            Gets the suffix ``.unetmodel``.
        crops : bool
            Whether the crops of training images go along, which trainings that start
            from the model rehearse. They may be nobody else's business.

        Returns
        -------
        Path
        """
        path = Path(path)
        path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
        weights = self.to_bytes()
        if len(weights) > MOST_BYTES:
            raise ValueError(
                f"the model takes {len(weights) / 2**20:,.0f} MiB, a {SUFFIX} file may "
                f"hold {MOST_BYTES / 2**20:,.0f} MiB; hand its folder on"
            )
        with (
            atomic(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.writestr(WEIGHTS, weights)
            archive.writestr(CONFIG, json.dumps(self.header(), indent=2))
            for name, content in self._extras().items():
                if crops or name != REHEARSAL:
                    archive.writestr(name, content)
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
        name = str(path)
        where = find_model(path)
        data = read_weights(where)
        header = read_header(data, name)
        try:
            config, thresholds, card = contents(header)
            with torch.device("meta"):
                network = build(config, formulation_of(config).channels)
        except ValueError as error:
            raise ValueError(f"{name}: {reason(error)}") from None
        trees = config.network in CLASSIFIER_NAMES
        tensors = read_tensors(data, network.state_dict(), name, trees=trees)
        network.load_state_dict(tensors, assign=True)
        network.requires_grad_()
        model = cls(config, network, thresholds, card, pick_device(device))
        model.thumbnail = read_extra(where, THUMBNAIL)
        model.rehearsal = read_extra(where, REHEARSAL)
        return model
