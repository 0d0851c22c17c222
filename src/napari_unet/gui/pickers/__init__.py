"""pickers."""
