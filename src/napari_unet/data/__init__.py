"""Images with labels in memory: what they are, how they divide, what is wrong."""
