"""What is trained on: rows of layers and folders, meaning of 0, findings."""
