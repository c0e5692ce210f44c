"""Requests of several clients put together: what waits for the model goes through it in one call.

A batch is of one signature and of rows of one shape. It starts when it is full, or when its first row has
waited long enough; while the model runs, what arrives gathers for the next one.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kerasnets.serving.limits import Limits, RefusedError, declared_pixels
from kerasnets.serving.metrics import Metrics
from kerasnets.serving.opened.model import FILES, ModelRefusedError, ServedModel

Arrays = Mapping[str, np.ndarray]


class Key(NamedTuple):
    """What requests must share to go through the model together."""

    signature: str
    shapes: tuple[tuple[int, ...], ...]


@dataclass(eq=False)
class Job:
    """A request's rows, on their way through the model.

    Attributes:
        key: with what it goes together.
        inputs: arrays by name, a row for each image.
        pixels: of each row.
        arrived: when, by the event loop's clock.
        answer: its outputs, or what was wrong.
    """

    key: Key
    inputs: Arrays
    pixels: Sequence[int]
    arrived: float
    answer: asyncio.Future[dict[str, np.ndarray]] = field(repr=False)


class Batcher:
    """Runs a model on what clients ask, several at a time.

    Args:
        model: the model; only one thread calls it.
        limits: of a batch, of what waits, and for how long.
        metrics: told of batches.
    """

    def __init__(self, model: ServedModel, limits: Limits, metrics: Metrics):
        self._model, self._limits, self._metrics = model, limits, metrics
        self._waiting: deque[Job] = deque()
        self._arrived = asyncio.Event()
        self._rows = 0

    async def predict(self, signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """Return the outputs of a signature, a row for each row of the inputs.

        Args:
            signature: one of the model's.
            inputs: arrays by name that fit it.

        Raises:
            RefusedError: the images are too many or are refused, too much waits, or it took too long.
        """
        job = self._job(signature, inputs)
        rows = len(job.pixels)
        if self._rows + rows > self._limits.queue:
            raise RefusedError(429, f"found {self._rows} images that wait, allowed: {self._limits.queue}")
        self._rows += rows
        self._metrics.waiting.set(self._rows)
        self._waiting.append(job)
        self._arrived.set()
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await job.answer
        except TimeoutError:
            raise RefusedError(504, f"no answer within {self._limits.seconds:g} seconds") from None
        finally:
            self._rows -= rows
            self._metrics.waiting.set(self._rows)

    def _job(self, signature: str, inputs: Arrays) -> Job:
        sizes = {len(array) for array in inputs.values()}
        rows = max(sizes)
        if len(sizes) > 1:
            raise RefusedError(400, f"found inputs of {sorted(sizes)} rows, allowed: as many in each")
        if rows > self._limits.queue:
            raise RefusedError(413, f"found {rows:,} images, allowed: {self._limits.queue:,} in a request")
        loop = asyncio.get_running_loop()
        key = Key(signature, tuple(array.shape[1:] for array in inputs.values()))
        return Job(key, inputs, self._pixels(inputs), loop.time(), loop.create_future())

    def _pixels(self, inputs: Arrays) -> list[int]:
        """Return how many pixels each row has: height times width, or what a file declares."""
        (name, array), *_ = inputs.items()
        most = self._limits.pixels
        if name == FILES:
            return [_pixels_of_file(number, contents, most) for number, contents in enumerate(array)]
        pixels = int(np.prod(array.shape[1:3])) if array.ndim == 4 else 0
        if pixels > most:
            raise RefusedError(422, f"{name}: found {pixels:,} pixels an image, allowed: {most:,}")
        return [pixels] * len(array)

    async def work(self) -> None:
        """Run batches until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "model") as thread:
            while True:
                batch = await self._next_batch()
                if batch:
                    await loop.run_in_executor(thread, self._run, batch, loop)

    async def _next_batch(self) -> list[Job]:
        """Return what goes through the model next, once there is something."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        key, loop = self._waiting[0].key, asyncio.get_running_loop()
        deadline = self._waiting[0].arrived + self._limits.wait_seconds
        while self._rows_of(key) < self._limits.batch and loop.time() < deadline:
            self._arrived.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._arrived.wait()
            except TimeoutError:
                break
        return self._taken(key)

    def _rows_of(self, key: Key) -> int:
        return sum(len(job.pixels) for job in self._waiting if job.key == key)

    def _taken(self, key: Key) -> list[Job]:
        """Take jobs of a key out of what waits, in order, as many as fit; drop those that were given up."""
        batch: list[Job] = []
        rows = pixels = 0
        for job in list(self._waiting):
            if job.answer.done():  # its client was told that it took too long
                self._waiting.remove(job)
            elif job.key == key:
                rows, pixels = rows + len(job.pixels), pixels + sum(job.pixels)
                if batch and (rows > self._limits.batch or pixels > self._limits.pixels):
                    break
                self._waiting.remove(job)
                batch.append(job)
        return batch

    def _run(self, batch: Sequence[Job], loop: asyncio.AbstractEventLoop) -> None:
        """Run a batch in this thread, and give its answers to those who wait in the event loop's."""
        try:
            answers: list[dict[str, np.ndarray] | Exception] = list(self._run_together(batch))
        except Exception as error:
            # whose fault it is shows when each runs alone
            answers = [error] if len(batch) == 1 else [self._run_alone(job) for job in batch]
        for job, answer in zip(batch, answers, strict=True):
            loop.call_soon_threadsafe(_deliver, job, answer)

    def _run_alone(self, job: Job) -> dict[str, np.ndarray] | Exception:
        try:
            return self._run_together([job])[0]
        except Exception as error:
            return error

    def _run_together(self, batch: Sequence[Job]) -> list[dict[str, np.ndarray]]:
        """Return the answers to each of some jobs of one key."""
        inputs = {
            name: np.concatenate([job.inputs[name] for job in batch]) if len(batch) > 1 else array
            for name, array in batch[0].inputs.items()
        }
        pixels = [each for job in batch for each in job.pixels]
        parts = []
        for start, end in _slices(pixels, self._limits):
            with self._metrics.model_seconds.time():
                part = {name: array[start:end] for name, array in inputs.items()}
                parts.append(self._model.run(batch[0].key.signature, part))
            self._metrics.batch_rows.observe(end - start)
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        ends = np.cumsum([len(job.pixels) for job in batch])[:-1]
        split = {name: np.split(output, ends) for name, output in outputs.items()}
        return [{name: split[name][place] for name in split} for place in range(len(batch))]


def _pixels_of_file(number: int, contents: bytes, most: int) -> int:
    try:
        return declared_pixels(contents, most)
    except RefusedError as refusal:
        raise RefusedError(refusal.status, f"image {number}: {refusal}") from None


def _slices(pixels: Sequence[int], limits: Limits) -> list[tuple[int, int]]:
    """Return stretches of rows, from start to end, none of more rows or pixels than a batch may have."""
    slices, start, total = [], 0, 0
    for place, each in enumerate(pixels):
        total += each
        if place > start and (place - start >= limits.batch or total > limits.pixels):
            slices.append((start, place))
            start, total = place, each
    return [*slices, (start, len(pixels))]


def _deliver(job: Job, answer: dict[str, np.ndarray] | Exception) -> None:
    if job.answer.done():
        return
    if isinstance(answer, ModelRefusedError):
        job.answer.set_exception(RefusedError(422, str(answer)))
    elif isinstance(answer, Exception):
        job.answer.set_exception(answer)
    else:
        job.answer.set_result(answer)
