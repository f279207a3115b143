"""The data of a job: its sources, its parts, the batch of a step."""
