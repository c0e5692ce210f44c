"""Packed datasets: sharded TFRecords with a manifest."""
