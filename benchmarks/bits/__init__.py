"""What many specs compute, bit for bit: recorded before a change, compared after it. See __main__.py."""
