"""The graph explained: drawn, walked through by hand, checked against differences, and what to make of it."""
