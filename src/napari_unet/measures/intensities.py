"""What channels measure inside of objects."""

from __future__ import annotations

import numpy as np

from napari_unet.measures.groups import Groups


def intensities(groups: Groups, channel: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean, least, highest, sum and standard deviation over each object.

    channel : of the shape of the labels
    """
    values = channel.ravel()[groups.pixels]
    if values.dtype == bool:
        values = values.astype(np.uint8)
    exact = values.astype(np.float64)
    total = groups.sums(exact)
    mean = total / groups.counts
    exact -= groups.spread(mean)
    return {
        "intensity_mean": mean,
        "intensity_min": np.minimum.reduceat(values, groups.starts),
        "intensity_max": np.maximum.reduceat(values, groups.starts),
        "intensity_sum": total,
        "intensity_std": np.sqrt(groups.sums(exact * exact) / groups.counts),
    }
