"""Devices and hosts that share a training."""
