"""What segmenting gave: layer, table, comparison with a truth."""
