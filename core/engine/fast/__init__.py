"""Fast paths of the engine: each may be deleted without a change of one bit."""
