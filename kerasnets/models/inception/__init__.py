"""GoogLeNet and the Inceptions after it, a module a paper."""
