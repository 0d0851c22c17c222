"""copy_as."""
