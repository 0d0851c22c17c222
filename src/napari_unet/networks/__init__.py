"""The U-Net family: one file per member, each a line in `NETWORKS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.config.base import known
from napari_unet.networks.attention import AttentionUNet
from napari_unet.networks.base import Network as Network
from napari_unet.networks.dense import DenseUNet
from napari_unet.networks.fcn import FCN
from napari_unet.networks.nested import NestedUNet
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from napari_unet.networks.residual import ResidualUNet
from napari_unet.networks.unet import UNet

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig

NETWORKS: dict[str, type[Network]] = {
    "unet": UNet,
    "residual": ResidualUNet,
    "unet++": NestedUNet,
    "attention": AttentionUNet,
    "dense": DenseUNet,
    "fcn": FCN,
}
"""Architectures by name; see :class:`napari_unet.networks.base.Network`."""


def build(config: ModelConfig, maps: int) -> Network:
    """Make the untrained network that a model config describes, `maps` logits a pixel.

    A pixel classifier has the interface of a network, but nothing to train.
    """
    kind = known(config.network, {**NETWORKS, **CLASSIFIERS}, "network")
    if config.network in CLASSIFIERS:
        classifier: Network = kind(config, maps)
        return classifier
    network: Network = kind(
        config.ndim,
        config.channels,
        maps,
        config.depth,
        config.width,
        norm=config.norm,
        dropout=config.dropout,
        upsampling=config.upsampling,
        strides=config.strides,
        stem=config.stem,
    )
    return network
