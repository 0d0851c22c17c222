"""``napari-unet train``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from napari_unet.atomic import make_folder
from napari_unet.cli.arguments import Device, Selection
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable, find, load
from napari_unet.config import PRESETS, ModelConfig, TrainConfig, checked
from napari_unet.data.samples import check_background
from napari_unet.events import Control, drain
from napari_unet.models.card import best_after, quality

if TYPE_CHECKING:
    from napari_unet.data.samples import Sample
    from napari_unet.models.model import Model

BUDGETS = {"minutes", "steps", "epochs"}
STOPPING = "stopping: validating and saving, press again to kill"
SHOW_CURSOR = "\x1b[?25h"


def train(
    data: tuple[Path, ...],
    /,
    *,
    output: Path,
    config: TrainConfig,
    model: ModelConfig,
    selection: Selection = Selection(),  # noqa: B008
    preset: str | None = None,
    init: str | None = None,
    resume: bool = False,
    show_crops: Path | None = None,
    device: Device = "auto",
) -> None:
    """Train a model on images with labels.

    The model folder holds the best model so far at any moment. The first Ctrl-C stops
    and saves, the second kills.

    Parameters
    ----------
    data
        Folders with images and labels; of an index.csv with a split, its train images.
    output
        Folder of the model.
    preset
        A named set of options, under those given here: guide (the classic U-Net guide's
        network and training).
    init
        Start from this model: a folder, a file, or a built-in name.
    resume
        Go on with the run in --output, with its options.
    show_crops
        Train nothing: draw some crops as they would be shown to the network, augmented
        and beside that as they are, into this PNG file.
    """
    explicit = ", ".join(sorted(model.model_fields_set))
    config, model = with_preset(preset, config, model)
    check_writable(output if show_crops is None else show_crops.absolute().parent)
    if init is not None and model.model_fields_set:
        raise ValueError(
            f"{explicit or f'--preset {preset}'} cannot change the model of --init; "
            "leave it out"
        )
    with Show() as show:
        samples, _ = load(find(data, selection, split="train"), selection, show)
        check_background(samples)
        if show_crops is not None:
            _show_crops(samples, show_crops, config, model, init, resume, device, show)
            return
        _describe(samples, output, config, model, init, resume, device)
        trained = run(samples, output, config, model, init, resume, device, show)
    print_result(trained, output)


def _show_crops(
    samples: Sequence[Sample],
    path: Path,
    config: TrainConfig,
    model: ModelConfig,
    init: str | None,
    resume: bool,
    device: str,
    show: Show,
) -> None:
    """Draw what the network would be shown."""
    from napari_unet.reports.crops import COUNT, source
    from napari_unet.reports.crops_figure import described, save_picture

    if resume:
        raise ValueError(
            "--show-crops draws what a new training would be shown; leave out --resume"
        )
    events = source(samples, None, config, model=model, init=init, device=device)
    found = drain(events, show)
    make_folder(path.absolute().parent)
    save_picture(found, path)
    print(f"left: {described(found, COUNT)}; right: without augmentation")
    print(f"written: {path}")


def run(
    samples: Sequence[Sample],
    output: Path,
    config: TrainConfig,
    model: ModelConfig,
    init: str | None,
    resume: bool,
    device: str,
    show: Show,
) -> Model:
    """Train with Ctrl-C as stop; draws the loss curve into the model folder."""
    from napari_unet.reports.figures import loss_curve
    from napari_unet.training.checkpoint import read_history
    from napari_unet.training.loop import train as training

    control = Control()
    with _stop_on_interrupt(control):
        options: dict[str, Any] = {"init": init, "resume": resume, "device": device}
        events = training(
            samples, None, output, config, model=model, control=control, **options
        )
        trained = drain(events, show)
    rows = read_history(output)
    objects = trained.card.get("validation", {}).get("objects")
    loss_curve(rows, output / "loss.png", objects=objects)
    return trained


def print_result(model: Model, folder: Path) -> None:
    """Tell where the model is and how good it is, and on how much that rests."""
    card = model.card
    print(f"model: {folder} ({best_after(card)}; loss.png beside it)")
    print(quality(card))


def with_preset(
    name: str | None, config: TrainConfig, model: ModelConfig
) -> tuple[TrainConfig, ModelConfig]:
    """Put the options that the user gave over those of a preset."""
    if name is None:
        return config, model
    if name not in PRESETS:
        raise ValueError(
            f"preset {name!r} is not known; choose one of {', '.join(sorted(PRESETS))}"
        )
    preset = PRESETS[name]
    options = dict(preset["train"])
    given = config.model_dump(exclude_unset=True)
    if BUDGETS & given.keys():
        options = {k: v for k, v in options.items() if k not in BUDGETS}
    augment = {**options.get("augment", {}), **given.pop("augment", {})}
    return (
        checked(TrainConfig, {**options, **given, "augment": augment}),
        checked(
            ModelConfig, {**preset["model"], **model.model_dump(exclude_unset=True)}
        ),
    )


def _describe(
    samples: Sequence[Sample],
    output: Path,
    config: TrainConfig,
    model: ModelConfig,
    init: str | None,
    resume: bool,
    device: str,
) -> None:
    """Print device, number format and network, and which options do not count."""
    import torch

    from napari_unet.device import pick_device, pick_dtype
    from napari_unet.formulations import formulation_of
    from napari_unet.models.model import Model
    from napari_unet.networks import build
    from napari_unet.networks.pixel_classifiers import CLASSIFIERS
    from napari_unet.training.checkpoint import has_state
    from napari_unet.training.recipe import complete

    where = pick_device(device)
    dtype = str(pick_dtype(where, config.precision, training=True))
    print(f"device: {where}, {dtype.removeprefix('torch.')}")
    start = init
    if resume and has_state(output):
        start = str(output)
        ignored = (config.model_fields_set | model.model_fields_set) - BUDGETS
        if ignored:
            names = ", ".join(sorted(ignored))
            print(f"the run is resumed with its own options, not with this {names}")
    elif resume:
        print(f"{output} holds no run to resume, so a new one starts")
    wanted = Model.load(start, "cpu").config if start else complete(model, samples)
    with torch.device("meta"):
        network = build(wanted, formulation_of(wanted).channels)
    shape = f"{wanted.ndim}D"
    if wanted.network not in CLASSIFIERS:
        shape += f", depth {wanted.depth}, width {wanted.width}"
    print(f"network: {wanted.network}, {wanted.formulation}, {shape}")
    print(f"  {network.summary().splitlines()[-1]}")


@contextmanager
def _stop_on_interrupt(control: Control) -> Iterator[None]:
    """Make the first Ctrl-C a wish to stop; the second kills at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        control.stop()
        # Not print: the signal may have come in the midst of one.
        cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
        os.write(2, f"\n{STOPPING}{cursor}\n".encode())
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
