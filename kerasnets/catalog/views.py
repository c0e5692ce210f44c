"""The kinds of test-time views, and the sizes that the papers took them at. Loads nothing."""

PAPER_INPUT = 224
"""The network's input in the papers, in pixels."""

SHORT_SIDES = {"center": (), "ten_crop": (256,), "crops_144": (256, 288, 320, 352), "dense": (256,)}
"""The papers' short sides by kind of view, for `PAPER_INPUT`."""
