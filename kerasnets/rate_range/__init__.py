"""The range test: how the loss goes while the learning rate rises from far too small to divergence."""
