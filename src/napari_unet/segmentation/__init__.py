"""An image through a model, to labels."""
