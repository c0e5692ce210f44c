"""`kerasnets watch`: the page of runs, live while they train."""
