"""Sound trainings of one network by many optimizers, rates, activations, initial weights and seeds."""

from functools import partial

from keras import optimizers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.sound.schedules import cosine, steps, warm_up
from kerasnets.studies.faults.sound.trainings import Healthy, convolutions, made_by, momentum

SETTINGS: dict[str, Healthy] = {
    # optimizers and rates, convolutions on digits
    **{
        f"digits_{name}": Healthy(
            f"convolutions, digits, {what}", partial(convolutions, sets.digits, optimizer=made)
        )
        for name, what, made in (
            ("sgd", "gradient descent 0.1", momentum(0.1, 0.0)),
            ("momentum", "momentum, 0.02", momentum(0.02)),
            ("nesterov", "Nesterov, 0.05", momentum(0.05, nesterov=True)),
            ("adam_slow", "Adam, 0.0005", made_by(optimizers.Adam, 5e-4)),
            ("adam", "Adam, 0.001", made_by(optimizers.Adam, 1e-3)),
            ("adam_fast", "Adam, 0.003", made_by(optimizers.Adam, 3e-3)),
            ("adamw", "AdamW, 0.002", made_by(optimizers.AdamW, 2e-3, weight_decay=0.01)),
            ("rmsprop", "RMSprop, 0.001", made_by(optimizers.RMSprop, 1e-3)),
            ("adagrad", "Adagrad, 0.05", made_by(optimizers.Adagrad, 0.05)),
            ("nadam", "Nadam, 0.001", made_by(optimizers.Nadam, 1e-3)),
            ("cosine", "Adam, cosine decay", made_by(optimizers.Adam, cosine)),
            ("steps", "momentum, decay in steps", momentum(steps)),
            ("warm_up", "momentum, warm-up and cosine decay", momentum(warm_up)),
            ("clipped", "momentum, gradients clipped to norm 1", momentum(0.05, clipnorm=1.0)),
        )
    },
    # initial weights and activations
    **{
        f"digits_{name}": Healthy(
            f"convolutions, digits, {what}", partial(convolutions, sets.digits, **options)
        )
        for name, what, options in (
            ("he", "He's initialization", {"initializer": "he_normal"}),
            ("lecun", "SELU, LeCun's initialization", {"initializer": "lecun_normal", "activation": "selu"}),
            ("tanh", "hyperbolic tangents", {"activation": "tanh"}),
            ("elu", "ELU", {"activation": "elu"}),
            ("gelu", "GELU", {"activation": "gelu"}),
            ("leaky", "leaky rectifiers", {"activation": "leaky_relu"}),
            ("swish", "swish", {"activation": "swish"}),
            ("orthogonal", "orthogonal initialization", {"initializer": "orthogonal"}),
            ("dropout", "dropout 0.25", {"dropout": 0.25, "epochs": 12}),
            ("deep", "three convolutions", {"filters": (16, 32, 32)}),
        )
    },
    # other seeds of one training
    **{
        f"seed_{seed}": Healthy(f"convolutions, digits, seed {seed}", partial(convolutions, sets.digits))
        for seed in range(1, 5)
    },
}
