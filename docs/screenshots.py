"""Drives the docks as a user does and takes the pictures of docs/images.

Needs a display of 1280 x 800 or more; `make screenshots` brings one.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 800)
COLOURS = 256
EPOCHS = 4  # of training, about two minutes where nothing else runs
# The moving picture of README: open, segment, correct, train, watch, segment again.
LOOP_SIZE = (800, 500)
LOOP_MS = {"open": 1200, "segmented": 2000, "corrected": 1600, "ended": 2500}
LOOP_MINUTES = 0.8


def main():
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        # The user's own settings and models are left alone.
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        import napari
        from napari.settings import get_plugin_settings

        IMAGES.mkdir(exist_ok=True)
        viewer = napari.Viewer()
        preferences = get_plugin_settings()["napari-unet-live"].unet
        preferences.model_folder = str(Path(folder) / "models")
        viewer.window.resize(*SIZE)
        train(viewer)
        segment(viewer)
        save_loop(whole_loop(viewer))
        ask_for_an_axis(viewer)
        viewer.close()


def train(viewer):
    """Open a sample, train on it, and stop."""
    from napari_unet.events import EpochEnd
    from napari_unet.gui import worker
    from napari_unet.gui.docks import open_dock

    viewer.open_sample("napari-unet-live", "nuclei_2d")
    take(viewer, "1_sample")
    dock = open_dock(viewer, "Train")
    until(lambda: not worker.running())
    take(viewer, "2_before_training")
    dock.form.look_button.click()
    until(lambda: dock.look.seen is not None)
    pause(1)
    dock.look.grab().save(str(IMAGES / "10_crops.png"))
    few_colours(IMAGES / "10_crops.png")
    dock.look.close_button.click()
    until(lambda: not worker.running())
    dock.buttons.start.click()
    (job,) = worker.running("training")
    epochs = []
    job.told.connect(lambda e: epochs.append(e) if isinstance(e, EpochEnd) else None)
    for count in range(1, EPOCHS + 1):
        until(lambda n=count: len(epochs) >= n, 600)
        take(viewer, "3_training")
    dock.buttons.stop.click()
    until(lambda: not worker.running())
    take(viewer, "4_trained")
    viewer.window.remove_dock_widget(dock)


def segment(viewer):
    """Segment an image that the model has not seen."""
    from napari_unet.files.readers import read_image
    from napari_unet.files.sample_data import folder
    from napari_unet.gui.docks import open_dock

    viewer.layers.clear()
    file = sorted((folder("nuclei/test") / "images").iterdir())[0]
    image = read_image(file)
    place = {"scale": image.spacing, "units": ("µm", "µm")}
    viewer.add_image(image.array[0], name=image.name, **place)
    dock = open_dock(viewer, "Segment")
    pause(1)
    dock.form.image_button.click()
    until(lambda: not dock.runs.running)
    take(viewer, "5_segmented")
    viewer.theme = "light"
    take(viewer, "6_light")
    viewer.theme = "dark"
    compare(viewer, dock, folder("nuclei/test") / "labels" / file.name, place)
    look_inside(viewer, dock)
    viewer.window.remove_dock_widget(dock)


def whole_loop(viewer):
    """Go through the loop with tissue; returns the pictures, and what they show."""
    from napari_unet.gui import worker
    from napari_unet.gui.docks import find_dock, open_dock
    from napari_unet.gui.pickers.model_picker import built_in, models

    models().choose(built_in())
    viewer.layers.clear()
    viewer.open_sample("napari-unet-live", "tissue")
    for layer in viewer.layers[1:]:
        viewer.layers.remove(layer)
    dock = open_dock(viewer, "Segment")
    pictures = [("open", grab(viewer))]
    dock.form.image_button.click()
    until(lambda: not dock.runs.running)
    pictures.append(("segmented", grab(viewer)))
    result = dock.runs.result_of(viewer.layers[0])
    viewer.layers.selection.active = result.layer
    objects = result.layer.features["index"]
    for number in objects[:: max(1, len(objects) // 5)][:5]:
        dock.corrections.delete(tuple(np.argwhere(result.layer.data == number)[0]))
        pause(0.3)
        pictures.append(("corrected", grab(viewer)))
    dock.form.right_button.click()
    dock.form.train_button.click()
    train_dock = find_dock(viewer, "Train")
    train_dock.form.minutes_box.setValue(LOOP_MINUTES)
    until(lambda: not worker.running())
    pictures.append(("train", grab(viewer)))
    train_dock.buttons.start.click()
    while worker.running(worker.TRAINING):
        pause(2)
        pictures.append(("learning", grab(viewer)))
    until(lambda: not worker.running())
    pictures.append(("ended", grab(viewer)))
    return pictures


def compare(viewer, dock, truth, place):
    """Compare the result with the true labels."""
    from napari_unet.files.readers import read_labels

    labels = read_labels(truth).array.astype(np.int32)
    viewer.add_labels(labels, name="truth", visible=False, **place)
    open_fold(dock, dock.form.compare)
    dock.form.compare.button.click()
    until(lambda: dock.form.compare.figures.text().startswith("AP50"))
    take(viewer, "8_compare")


def look_inside(viewer, dock):
    """Look at what a level of the network computes."""
    from napari_unet.gui import worker

    inside = dock.form.inside
    open_fold(dock, dock.form.compare, False)
    open_fold(dock, inside)
    for layer in viewer.layers[1:]:
        layer.visible = False
    until(lambda: inside.drawing.boxes and not worker.running())
    inside.drawing.boxes[2, 0].click()
    until(lambda: not worker.running())
    viewer.dims.set_point(0, 1)
    take(viewer, "9_look_inside")


def open_fold(dock, content, opened=True):
    """Open the fold of the dock that holds this widget, or close it."""
    from napari_unet.gui.parts.form import Fold

    for part in dock.findChildren(Fold):
        if part.content() is content:
            part.expand() if opened else part.collapse()


def ask_for_an_axis(viewer):
    """Open a stack whose file does not say whether its pages are depth or time."""
    from napari_unet.files.sample_data import nuclei_3d

    viewer.layers.clear()
    stack = np.asarray(nuclei_3d()[0][0])
    viewer.add_image(stack, name="stack")
    take(viewer, "7_axis_question")


def take(viewer, name):
    """Save a picture of the window with few colours."""
    viewer.reset_view()
    file = IMAGES / f"{name}.png"
    grab(viewer).save(file)
    few_colours(file)


def grab(viewer):
    """Return a picture of the window."""
    pause(1)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False))
    return picture.convert("RGB")


def save_loop(pictures):
    """Save the moving picture of README, of pictures with their names."""
    small = [p.resize(LOOP_SIZE, Image.Resampling.LANCZOS) for _, p in pictures]
    both = Image.new("RGB", (LOOP_SIZE[0], LOOP_SIZE[1] * len(small)))
    for index, picture in enumerate(small):
        both.paste(picture, (0, LOOP_SIZE[1] * index))
    palette = both.quantize(COLOURS)
    first, *others = [p.quantize(palette=palette, dither=0) for p in small]
    file, times = IMAGES / "loop.gif", [LOOP_MS.get(name, 1000) for name, _ in pictures]
    first.save(file, save_all=True, append_images=others, duration=times, loop=0)
    print(f"{file}: {file.stat().st_size // 1024} kB")


def few_colours(file):
    """Make a picture smaller."""
    picture = Image.open(file).convert("RGB")
    few = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    print(f"{file}: {file.stat().st_size // 1024} kB")


def pause(seconds):
    """Let the interface run."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()


def until(true, seconds=60):
    """Let the interface run until something is true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{seconds} s were not enough")
        pause(0.05)


if __name__ == "__main__":
    main()
