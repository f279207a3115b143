"""The ground: arrays, buffers, BLAS, random numbers, the tree in which sums are taken, and the errors."""
