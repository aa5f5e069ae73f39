"""The event log: streams, consumer groups and their cursors, decided in memory without I/O."""
