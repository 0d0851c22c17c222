"""Labels against the truth: matching, figures, errors."""
