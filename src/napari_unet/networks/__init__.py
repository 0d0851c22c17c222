"""The U-Net family: one file a member, each a line in `NETWORKS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .unet import UNet

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig

NETWORKS: dict[str, type[UNet]] = {"unet": UNet}
"""Architectures by name.

A member is called as ``NETWORKS[name](ndim, channels, maps, depth, width, norm,
dropout, upsampling, strides)``, gives raw logits of its input's size, for 2D and 3D
at once, and knows its `halo` and `divisor`.
"""


def known(name: str, members: dict[str, Any], kind: str) -> Any:
    """Return ``members[name]``, or raise a ValueError that lists the known names."""
    try:
        return members[name]
    except KeyError:
        raise ValueError(
            f"{kind} {name!r} is not known; choose one of {', '.join(sorted(members))}"
        ) from None


def build(config: ModelConfig, maps: int) -> UNet:
    """Make the untrained network that a model config describes.

    Parameters
    ----------
    config : ModelConfig
    maps : int
        Number of logits a pixel.

    Raises
    ------
    ValueError
        If the network's name is not known.
    """
    kind = known(config.network, NETWORKS, "network")
    network: UNet = kind(
        config.ndim,
        config.channels,
        maps,
        config.depth,
        config.width,
        norm=config.norm,
        dropout=config.dropout,
        upsampling=config.upsampling,
        strides=config.strides,
    )
    return network
