"""What listens: connections, sessions, worker processes, metrics; and their root."""
