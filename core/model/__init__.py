"""The model: a graph of operations, what builds it from layers or an expression, and its parameters."""
