"""How many requests a second one API process answers, beside a bare one that inserts the same row."""
