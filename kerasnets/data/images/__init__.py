"""Encoded images: their formats, what they declare, and their pixels."""
