"""What listens: connections, sessions, worker processes, metrics; and the root that starts it all."""
