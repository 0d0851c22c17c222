"""What napari's layers mean: axes, place, images and labels, edits."""
