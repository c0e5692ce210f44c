"""What lies beside the formats of an export: its card, clients, and how servers are told to serve it."""
