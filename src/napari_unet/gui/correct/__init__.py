"""Correcting objects of a labels layer with the mouse and keys, an undo step each."""
