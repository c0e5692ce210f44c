"""The numbers of a bench for people. Loads nothing."""

from kerasnets.sizing.tables import bytes_text, shape_text


def bench_text(numbers):
    """Return what `kerasnets.api.bench` returned as lines of text."""
    training, inference, parts = (
        numbers["training"],
        numbers["inference"],
        numbers["training"]["step_seconds"],
    )
    split = ", ".join(f"{name} {_milliseconds(seconds)}" for name, seconds in parts.items())
    product = numbers["matrix_product"]
    device, memory = numbers["device"], numbers["memory"]
    lines = [
        "{name} on {backend}, {precision}, batches of {batch} of ".format(**numbers)
        + f"{shape_text(numbers['input'])}, {numbers['classes']:,} classes, {numbers['images']} images",
        f"{device['kind']}: {device['name']}" + (f", {device['count']} cores" * (device["kind"] == "cpu")),
        f"training   {_rate(training)}: {split}",
        f"inference  {_rate(inference)}",
        f"operations {numbers['macs']:,} multiply-accumulates an image, two FLOPs each; thrice in training",
        f"           training {_share(training)}, inference {_share(inference)}, of the "
        f"{product['flops_per_second'] / 1e9:,.1f} of a product of {product['rows']:,}-row matrices",
        f"memory     {bytes_text(memory['peak_bytes'])} at the peak of training, {memory['counted']}",
        f"medians of {len(inference['repeats'])} repeats of {numbers['steps']} training step(s)",
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in numbers["notes"])])


def _rate(part):
    return f"{part['images_per_second']:,.1f} images/s, {_milliseconds(part['seconds'])} a step"


def _milliseconds(seconds):
    return f"{1000 * seconds:,.{1 if seconds >= 0.1 else 3}f} ms"


def _share(part):
    return f"{part['flops_per_second'] / 1e9:,.1f} GFLOP/s, {part['share_of_matrix_product']:.0%}"
