"""Settings, parsed once and frozen (`settings`, `loading`), and every maximum (`limits`).

Nothing is imported here: `limits` is read by every package, and a client should not pay for the
reading of TOML files.
"""
