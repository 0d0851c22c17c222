"""Data sets and models into the viewer."""
