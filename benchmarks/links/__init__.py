"""What a group's members send over slow links, and how long a step takes: `python -m benchmarks.links`.

Each member is a process in a network namespace of its own, whose link passes so many bits a second each way
(tc tbf). All members share this machine's processors. Needs root and Linux's `ip` and `tc`; leaves nothing.
"""
