"""The engine: a graph becomes a plan, a flat list of calls that a step replays; a step gives a gradient."""
