"""What is painted and trained is kept on the disk, and comes back in a new viewer."""
