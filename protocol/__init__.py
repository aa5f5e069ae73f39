"""Bytes to messages and back: RESP2 and RESP3, the command table, error codes.

Nothing here touches a socket, a clock, an event loop or a log.
"""
