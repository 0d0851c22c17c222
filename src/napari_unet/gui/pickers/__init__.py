"""Choosing an image or a model."""
