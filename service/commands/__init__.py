"""The commands of `lockstep`, one file for each family."""
