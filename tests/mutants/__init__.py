"""Lines of safety and arithmetic, each with a mutant that the tests must notice: `make mutants`."""
