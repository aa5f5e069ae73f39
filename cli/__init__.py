"""The `penstock` command. Each verb has a module, which is imported when the verb runs."""
