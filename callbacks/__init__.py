"""Callbacks that show whether training is healthy, for the `fit` of any Keras model on any backend."""

from kerasnets.callbacks.activation_stats import ActivationStats
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.health_check import HealthCheck
from kerasnets.callbacks.update_ratio import UpdateRatio

__all__ = ["ActivationStats", "DiagnosticsLog", "HealthCheck", "UpdateRatio"]
