"""Where jobs are kept: the port, the journal and the backends."""
