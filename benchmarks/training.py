"""Steps of train() against the bare loop on a batch that never changes."""

import argparse
import statistics
import tempfile
import time

import numpy as np
import torch
from quick import arguments

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.device import pick_device, pick_dtype
from napari_unet.events import Control, StepDone, drain
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.files.sample_data import folder
from napari_unet.models.model import Model
from napari_unet.training import loop as training
from napari_unet.training.crops import draw, encode, image_weights
from napari_unet.training.recipe import batch_of, complete, patch_of


def bare_step(samples, config, device):
    """Return a function that takes one step as plainly as torch allows."""
    wanted = complete(ModelConfig(), samples)
    model = Model.create(wanted, device=str(device))
    encoded = [encode(s, model.formulation, wanted.percentiles) for s in samples]
    patch = patch_of(config, wanted, samples, model.divisor)
    generator = torch.Generator(device)
    batch = draw(
        encoded,
        image_weights(encoded),
        model,
        patch,
        batch_of(config, patch),
        config.augment,
        np.random.default_rng(0),
        generator,
    )
    image = batch.image.contiguous(memory_format=torch.channels_last)
    dtype = pick_dtype(device, training=True)
    fused = device.type in {"cpu", "cuda"}
    optimizer = torch.optim.AdamW(model.network.parameters(), lr=2e-3, fused=fused)
    model.network.train()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits = model.network(image)
        loss = model.formulation.loss(
            logits.float(), batch.target, batch.weight, config
        )
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def our_steps(samples, config, into):
    """Yield the seconds of each step of train(), validation not counted."""
    training.EVENT_SECONDS = 0.0
    control = Control()
    events = training.train(samples, [], into, config, control=control)
    before = None
    for event in events:
        if isinstance(event, StepDone):
            now = time.perf_counter()
            if before is not None:
                yield now - before
            before = time.perf_counter()
        else:
            before = None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--device", default="auto")
    args = arguments(parser, steps=4)
    device = pick_device(args.device)
    samples = drain(load_samples(find_pairs(folder("nuclei"))))
    config = TrainConfig(steps=args.steps, validation=0.0)
    if args.quick:
        config = config.replace(patch=64, batch=2)
    bare = bare_step(samples, config, device)
    for _ in range(3):
        bare()
    ours, plain = [], []
    with tempfile.TemporaryDirectory() as into:
        # One step of each in turn, so that a change of the machine's speed hits both.
        for seconds in our_steps(samples, config, into + "/m"):
            ours.append(seconds)
            began = time.perf_counter()
            bare()
            plain.append(time.perf_counter() - began)
    ratio = statistics.median(p / o for p, o in zip(plain, ours, strict=True))
    print(
        f"device {device}, {pick_dtype(device, training=True)}, "
        f"{torch.get_num_threads()} threads, {len(ours)} steps"
    )
    print(f"bare loop   {statistics.median(plain) * 1e3:7.1f} ms a step")
    print(f"train()     {statistics.median(ours) * 1e3:7.1f} ms a step")
    print(f"train() runs at {ratio:.1%} of the bare loop's speed")


if __name__ == "__main__":
    main()
