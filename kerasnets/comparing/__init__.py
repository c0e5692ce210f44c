"""Finished runs measured on the same images and compared: `kerasnets compare`."""
