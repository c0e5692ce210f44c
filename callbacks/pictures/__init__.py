"""Callbacks that write pictures of a training: filters, feature maps, confusion matrix."""

from kerasnets.callbacks.pictures.confusion_matrix import ConfusionMatrix
from kerasnets.callbacks.pictures.feature_maps import FeatureMaps
from kerasnets.callbacks.pictures.filter_pictures import FilterPictures

__all__ = ["ConfusionMatrix", "FeatureMaps", "FilterPictures"]
