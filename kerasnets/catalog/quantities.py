"""What diagnostics measure of layers: names, meanings, quantiles and histogram bins. Loads nothing."""

NETWORK = "(network)"
"""Stands in the column `layer` where a number is of the whole network."""

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


def quantile_name(of: str, quantile: float) -> str:
    """Return the name of a quantile: ("activation", 0.25) gives "activation_q25"."""
    return f"{of}_q{round(100 * quantile):02}"


def _distribution(of: str, numbers: str) -> dict[str, str]:
    return {
        f"{of}_mean": f"mean of {numbers}",
        f"{of}_variance": f"variance of {numbers}",
        f"{of}_zeros": f"fraction of {numbers} that are exactly zero, 0 to 1",
        **{quantile_name(of, q): f"quantile {q:g} of {numbers}" for q in QUANTILES},
    }


QUANTITIES = {
    "update_ratio": "‖Δw‖ / ‖w‖ of one optimizer step, over all trainable weights of the layer",
    "kernel_update_ratio": "the same over its kernels, which have two axes or more",
    "bias_update_ratio": "the same over its biases, scales and offsets, which have one axis",
    **_distribution("activation", "a layer's outputs on the probe"),
    "activation_dead": "fraction of units (channels of a map) that are zero on the whole probe, 0 to 1",
    "activation_saturated": "fraction of outputs within 1 % of a bounded activation's limits, 0 to 1",
    **_distribution(
        "gradient", "the gradients of a layer's trainable weights in one step, loss scale removed"
    ),
    "gradient_norm": "Euclidean norm of those gradients, before clipping and L2",
    **_distribution("weight", "a layer's trainable weights"),
    "weight_norm": "Euclidean norm of a layer's trainable weights",
    "weight_singular": "largest singular value of a layer's kernel, as a matrix (inputs, outputs)",
    "gradient_noise_scale": "batch size at which noise and gradient are equal (McCandlish 2018, B_simple)",
}
"""What a row of diagnostics holds, by the name in its column `quantity`."""

SMALLEST, LARGEST = -24, 8
"""Exponents of two between which histograms have bins."""

BIN_EDGES = (
    *(-(2.0**exponent) for exponent in range(LARGEST, SMALLEST - 1, -1)),
    *(2.0**exponent for exponent in range(SMALLEST, LARGEST + 1)),
)
"""Edges of a histogram's bins, ascending: powers of two on both sides, and one bin around zero between them.

Numbers below the first edge and from the last edge on have a bin of their own each, so that there is one bin
more than edges; a bin holds its lower edge.
"""

HISTOGRAMS = ("activation", "gradient", "weight")
"""What histograms are of, by the name in their column `of`."""
