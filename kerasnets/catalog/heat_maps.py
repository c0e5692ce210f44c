"""The kinds of heat maps. Loads nothing."""

METHODS = {
    "grad_cam": "Grad-CAM: which feature maps speak for the class (Selvaraju 2017)",
    "layer_cam": "LayerCAM: which places of each feature map do (Jiang 2021)",
}
"""What each is, by name."""
