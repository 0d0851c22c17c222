"""Labels in, a model out."""
