"""Sound trainings of the course's architectures."""

from functools import partial

from keras import optimizers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.sound.schedules import warm_up
from kerasnets.studies.faults.sound.trainings import Healthy, architecture, made_by, momentum

wide = partial(sets.digits, size=32)
colour = partial(sets.digits, size=32, channels=3)
photos = sets.photographs
photos64 = partial(sets.photographs, size=64, examples=320)
photos80 = partial(sets.photographs, size=80, examples=320)

ARCHITECTURES: dict[str, Healthy] = {
    "lenet5": Healthy("LeNet-5, digits, Adam", partial(architecture, "lenet5", wide)),
    "lenet5_sgd": Healthy(
        "LeNet-5, digits, momentum 0.9",
        partial(architecture, "lenet5", wide, optimizer=momentum(0.05), epochs=10),
    ),
    "lenet5_photographs": Healthy(
        "LeNet-5, photographs, Adam",
        partial(architecture, "lenet5", photos, classes=2, optimizer=made_by(optimizers.Adam, 5e-4)),
    ),
    "convnet10": Healthy(
        "six convolutions, digits in three channels, Adam",
        partial(architecture, "convnet10", colour, epochs=8),
    ),
    "convnet10_photographs": Healthy(
        "six convolutions, photographs, RMSprop",
        partial(architecture, "convnet10", photos, classes=2, optimizer=made_by(optimizers.RMSprop, 1e-3)),
    ),
    "alexnet": Healthy(
        "AlexNet, photographs, momentum",
        partial(
            architecture,
            "alexnet_owt",
            photos64,
            classes=2,
            optimizer=momentum(0.01),
            epochs=8,
            batch_size=32,
        ),
    ),
    "zfnet": Healthy(
        "ZFNet, photographs, momentum",
        partial(
            architecture,
            "zfnet_small",
            photos64,
            classes=2,
            optimizer=momentum(0.01),
            epochs=8,
            batch_size=32,
        ),
    ),
    "vgg11": Healthy(
        "VGG-11 with batch normalization, photographs, momentum",
        partial(architecture, "vgg11_bn", photos, classes=2, optimizer=momentum(0.01), epochs=4, units=256),
    ),
    "googlenet": Healthy(
        "GoogLeNet with batch normalization, photographs, momentum",
        partial(architecture, "googlenet_bn", photos64, classes=2, optimizer=momentum(0.02), epochs=8),
    ),
    "inception_v3": Healthy(
        "Inception-v3, photographs, RMSprop",
        partial(
            architecture,
            "inception_v3",
            photos80,
            classes=2,
            optimizer=made_by(optimizers.RMSprop, 3e-4),
            epochs=6,
        ),
    ),
    "resnet18": Healthy(
        "ResNet-18, photographs, momentum",
        partial(architecture, "resnet18", photos64, classes=2, optimizer=momentum(0.02), epochs=8),
    ),
    "resnet8": Healthy(
        "ResNet of 8 layers, digits in three channels, momentum",
        partial(architecture, "resnet_cifar", colour, depth=8, optimizer=momentum(0.05), epochs=6),
    ),
    "resnet8_adam": Healthy(
        "ResNet of 8 layers, photographs, AdamW",
        partial(
            architecture,
            "resnet_cifar",
            photos,
            classes=2,
            depth=8,
            optimizer=made_by(optimizers.AdamW, 1e-3),
            epochs=3,
        ),
    ),
    "resnet14_warm_up": Healthy(
        "ResNet of 14 layers, digits, warm-up and cosine",
        partial(
            architecture,
            "resnet_cifar",
            colour,
            depth=14,
            optimizer=momentum(partial(warm_up, 95), nesterov=True),
            epochs=3,
        ),
    ),
    "plain8": Healthy(
        "plain network of 8 layers, digits, momentum",
        partial(architecture, "plain_cifar", colour, depth=8, optimizer=momentum(0.03), epochs=3),
    ),
}
