"""The life of a job: what it is, how it changes, who gets it, and where it is kept."""
