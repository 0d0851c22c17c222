"""Maps of a 2048 x 2048 image against the bare forward pass over the same pixels."""

import argparse
import statistics
import time

import numpy as np
import tifffile
import torch
from quick import arguments

from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.data.images import Image, intensity_stats
from napari_unet.device import pick_dtype
from napari_unet.events import drain
from napari_unet.files.sample_data import folder
from napari_unet.models.model import Model
from napari_unet.segmentation.prediction import plan_tiles, predict_maps
from napari_unet.segmentation.segment import segment

SIZE, QUICK_SIZE = 2048, 256


def image_of(size):
    """Return a sample image repeated to `size` x `size`."""
    path = sorted((folder("nuclei") / "images").glob("*.tif"))[0]
    tile = tifffile.imread(path)
    repeats = [-(-size // n) for n in tile.shape]
    return np.tile(tile, repeats)[None, :size, :size]


def seconds(function):
    """Return how long one call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a trained model, to time decoding as well")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tile", type=int)
    args = arguments(parser, runs=1, model="nuclei")
    size = QUICK_SIZE if args.quick else SIZE
    if args.model:
        model = Model.load(args.model)
    else:
        model = Model.create(ModelConfig())
    image = image_of(size)
    picture = Image(image)
    config = PredictConfig(tile=args.tile)
    stats = intensity_stats(Image(image))
    plan = plan_tiles(model, picture.shape, config)
    read = [s.stop - s.start for s in plan[0].read]
    channels = model.config.channels
    batch = np.zeros((1, channels, *read), np.float32)
    pixels_read = len(plan) * np.prod(read)

    def bare():
        for _ in plan:
            model.maps(batch)

    def ours():
        drain(predict_maps(model, picture, stats, config))

    bare(), ours()
    pairs = [(seconds(ours), seconds(bare)) for _ in range(args.runs)]
    ratio = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"device {model.device}, {pick_dtype(model.device)}, "
        f"{torch.get_num_threads()} threads; {len(plan)} tiles of {read}, "
        f"{pixels_read / size**2:.2f} px read for each px of the image"
    )
    print(f"bare forward   {b:6.2f} s  {pixels_read / 1e6 / b:6.2f} Mpx read a second")
    print(f"predict_maps() {a:6.2f} s  {pixels_read / 1e6 / a:6.2f} Mpx read a second")
    print(f"predict_maps() takes {ratio:.2f} x the bare forward pass")
    if args.model:
        whole = statistics.median(
            seconds(lambda: drain(segment(model, image, config)))
            for _ in range(args.runs)
        )
        print(f"segment()      {whole:6.2f} s  {size**2 / 1e6 / whole:6.2f} Mpx/s")


if __name__ == "__main__":
    main()
