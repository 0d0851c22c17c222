"""Widgets that know no image and no model."""
