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
# The moving picture of README.
LOOP_SIZE = (720, 450)
LOOP_MS = {"1_sample": 1500, "2_before_training": 1500, "5_segmented": 3000}


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
        loop = train(viewer)
        loop += segment(viewer)
        save_loop(loop)
        ask_for_an_axis(viewer)
        viewer.close()


def train(viewer):
    """Open a sample, train on it, and stop; returns the pictures of the loop."""
    from napari_unet.events import EpochEnd
    from napari_unet.gui import worker
    from napari_unet.gui.docks import open_dock

    viewer.open_sample("napari-unet-live", "nuclei_2d")
    loop = [take(viewer, "1_sample")]
    dock = open_dock(viewer, "Train")
    until(lambda: not worker.running())
    loop.append(take(viewer, "2_before_training"))
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
        loop.append(take(viewer, "3_training"))
    dock.buttons.stop.click()
    until(lambda: not worker.running())
    take(viewer, "4_trained")
    viewer.window.remove_dock_widget(dock)
    return loop


def segment(viewer):
    """Segment an image that the model has not seen; returns the picture of that."""
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
    segmented = take(viewer, "5_segmented")
    viewer.theme = "light"
    take(viewer, "6_light")
    viewer.theme = "dark"
    compare(viewer, dock, folder("nuclei/test") / "labels" / file.name, place)
    look_inside(viewer, dock)
    return [segmented]


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
    """Save a picture of the window with few colours; returns its name and itself."""
    viewer.reset_view()
    pause(1)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False))
    file = IMAGES / f"{name}.png"
    picture.save(file)
    few_colours(file)
    return name, picture.convert("RGB")


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
