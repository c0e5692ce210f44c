"""Callbacks that show whether training is healthy, for the `fit` of any Keras model on any backend."""

from kerasnets.callbacks.activation_stats import ActivationStats
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.gradient_noise_scale import GradientNoiseScale
from kerasnets.callbacks.gradient_stats import GradientStats
from kerasnets.callbacks.health_check import HealthCheck
from kerasnets.callbacks.learning_rate_range import LearningRateRange
from kerasnets.callbacks.model_check import check
from kerasnets.callbacks.pictures import ConfusionMatrix, FeatureMaps, FilterPictures
from kerasnets.callbacks.update_ratio import UpdateRatio
from kerasnets.callbacks.weight_stats import WeightStats

__all__ = [
    "ActivationStats",
    "ConfusionMatrix",
    "DiagnosticsLog",
    "FeatureMaps",
    "FilterPictures",
    "GradientNoiseScale",
    "GradientStats",
    "HealthCheck",
    "LearningRateRange",
    "UpdateRatio",
    "WeightStats",
    "check",
]
