"""What objects measure: sizes, shapes and intensities, as a table; no torch, no Qt."""
