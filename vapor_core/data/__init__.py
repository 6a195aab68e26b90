"""Models, datasets and accelerators, every figure with its source."""
