"""Network, formulation and thresholds as one; its file, its card, built-in ones."""
