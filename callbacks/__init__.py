"""Callbacks that say whether training is healthy. Any Keras model's `fit` may use them."""

from kerasnets.callbacks.activation_stats import ActivationStats
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.update_ratio import UpdateRatio

__all__ = ["ActivationStats", "DiagnosticsLog", "UpdateRatio"]
