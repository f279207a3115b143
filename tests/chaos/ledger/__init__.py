"""Real processes that die, freeze and lose their broker and their database, and what must be true after.

    part      one life of a service: clients ask, the nemesis breaks, then all is calm and every job ends
    history   what clients saw, what was broken, what the database has committed: a file of JSON lines
    checker   judges a history; it knows nothing of the service's code

`make chaos` plays parts until its minutes are over; tests/chaos/test_ledger.py a short one on each database.
"""
