"""From a folder of images or a table to a recipe that says why: `kerasnets new`."""
