"""Training steps per second, beside the bare matrix products and the libraries that people use instead."""
