"""A model of jobs and workers, made of the transition table itself, and a search of all its states."""
