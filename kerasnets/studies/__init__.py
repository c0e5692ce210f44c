"""Studies: claims about training, measured by one command each."""
