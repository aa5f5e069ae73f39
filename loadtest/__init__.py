"""The proof under load: a load generator, the peers beside it, and the history checker.

It speaks to the server as anybody would, over the public protocol, and never imports the broker.
"""
