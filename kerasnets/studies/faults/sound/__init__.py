"""Sound trainings over architectures, optimizers, rates, initial weights, data and seeds."""

from kerasnets.studies.faults.sound.architectures import ARCHITECTURES
from kerasnets.studies.faults.sound.images import IMAGES
from kerasnets.studies.faults.sound.settings import SETTINGS
from kerasnets.studies.faults.sound.tables import TABLES
from kerasnets.studies.faults.sound.trainings import Healthy

HEALTHY: dict[str, Healthy] = {**TABLES, **SETTINGS, **IMAGES, **ARCHITECTURES}
"""Sound trainings by name, the long ones last."""
