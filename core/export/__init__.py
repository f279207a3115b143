"""Models in the formats of other programs. Importing this package loads what these formats need."""
