"""Steps of tiny formulas as plain Python arithmetic, generated from the graph.

A formula of a few numbers on a few rows takes microseconds in NumPy, all of it the price of calls. Written
out as one loop over floats (IEEE doubles, as float64) it takes a tenth of that.
"""
