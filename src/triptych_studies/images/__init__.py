"""Generated images with known factors, and networks and transforms of images."""
