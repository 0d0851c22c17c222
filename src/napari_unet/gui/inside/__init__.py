"""Looking inside the network of a model."""
