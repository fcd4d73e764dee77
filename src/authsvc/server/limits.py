"""How much a client may send, and how long it may take. Sizes in bytes, times in seconds."""

TARGET = 8 * 1024
HEADER_BLOCK = 16 * 1024
HEADER_LINES = 100

MESSAGE = 160 * 1024
"""The head, and a body as it comes over the wire: the 16 KiB that are read, in chunks of one byte, fit."""

UNREAD = 1024 * 1024
"""What is thrown away after the answer, for clients that read it only when they have sent everything."""

LOOK = 0.5
"""How often connections are looked at; what follows is that much stricter than what is promised."""

HEAD_TIME = 9.0
"""From the first byte of a request, or from the connection, to the end of its headers: 10 s are promised."""

BODY_TIME = 14.0
"""From there to the end of its body: 15 s are promised."""

REST_TIME = 1.0
"""For what is still on its way when the answer is out, and for the client to close the connection."""

READING_TIME = 30.0
"""For a client to take the rest of an answer, after the connection should have ended."""

TURNED_AWAY = 100
"""Connections above the limit that are told so at a time; further ones are closed without a word."""
