"""What the Segment dock can do now, and why not."""

from __future__ import annotations

from napari_unet.gui.layers.right_views import RIGHT_HELP
from napari_unet.gui.results.result_layer import ResultLayer
from napari_unet.gui.segment.form import SegmentForm

RUNNING = "a segmentation is running; wait, or cancel it"
NO_MODEL = "train a model first, or choose one with folder..."
NO_RESULT = "segment this image first"
EDITED = (
    "the layer was edited, or found right, and hiding objects could undo that; segment "
    "again"
)
NO_SCORES = "classes have no scores"
NO_IMAGE = "there is no image here; open an image first"
VIEW_HELP = "Segment what is in sight now: one plane and time point, in 3D all planes."
IMAGE_HELP = "Segment the whole image: all planes, all time points."
ALL_HELP = "Segment all open images, one after the other."
MENU_HELP = "Segment this image, all open ones, or those of a folder on the disk."
SCORE_HELP = "Hides objects that the model is less sure of; nothing runs again."
TRAIN_HELP = "Open the Train dock with this image and these labels as a pair."
COPY_HELP = (
    "Copy what reproduces this result: Python code or a command line; or what a paper "
    "says of it."
)


def show_states(form: SegmentForm, result: ResultLayer | None, running: bool) -> None:
    """Grey what cannot be done now, and say why.

    Parameters
    ----------
    form : SegmentForm
    result : ResultLayer or None
        Of the image that is chosen.
    running : bool
        Whether something is being segmented.
    """
    busy = RUNNING if running else ""
    not_now = busy or ("" if form.model.path else NO_MODEL)
    why_not = not_now or form.picker.why_not()
    form.show_reason("" if running else why_not, not form.model.path)
    form.enable(form.view_button, why_not, VIEW_HELP)
    form.enable(form.image_button, why_not, IMAGE_HELP)
    # A folder needs no image.
    form.enable(form.menu_button, not_now, MENU_HELP)
    no_result = NO_RESULT if result is None else ""
    form.enable(form.right_button, no_result or busy, RIGHT_HELP)
    form.enable(form.train_button, no_result, TRAIN_HELP)
    form.enable(form.copy_button, no_result, COPY_HELP)
    form.enable(form.image_action, why_not, IMAGE_HELP)
    no_image = "" if form.picker.images() else NO_IMAGE
    form.enable(form.all_action, not_now or no_image, ALL_HELP)
    form.enable(form.score, _no_scores(result), SCORE_HELP)
    form.compare.follow(result)
    why_not = form.picker.why_not() if form.model.path else NO_MODEL
    device = form.device.currentText()
    form.inside.follow(form.picker.layer, form.model.path, device, why_not)


def _no_scores(result: ResultLayer | None) -> str:
    if result is None or result.outcome is None:
        return NO_RESULT
    if not result.outcome.instances:
        return NO_SCORES
    return EDITED if result.edited else ""
