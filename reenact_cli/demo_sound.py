"""A voice without words, so that the demo's shots have sound that one can hear go in and out."""

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
"""Samples a second."""

_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (530, 1840, 2480),
    (570, 840, 2410),
    (300, 870, 2240),
)
"""The first three formants of a, i, e, o, u in hertz."""

_SYLLABLES_PER_SECOND = 4.0
_LOUDNESS = 0.25


def voice(seconds: float, seed: int) -> NDArray[np.float32]:
    """Mono sound of so many seconds, in [-1, 1]: harmonics of a gliding pitch through vowels."""
    random = np.random.default_rng(seed)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    pitch = random.uniform(105, 190) * (1 + 0.08 * np.sin(2 * np.pi * 0.7 * time + seed))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = _formants(time, random)
    sound = np.zeros(count)
    for harmonic in range(1, 24):
        sound += _gain(harmonic * pitch, formants) / harmonic * np.sin(harmonic * phase)
    sound *= _envelope(time)
    peak = float(np.abs(sound).max()) if count else 1.0
    return (sound / max(peak, 1e-9) * _LOUDNESS).astype(np.float32)


def _formants(time: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """(3, T) formant frequencies that glide from one vowel to the next, one a syllable."""
    syllables = int(np.ceil(_SYLLABLES_PER_SECOND * float(time[-1]))) + 2 if len(time) else 2
    vowels = np.array(_VOWELS, float)[random.integers(len(_VOWELS), size=syllables)]
    place = time * _SYLLABLES_PER_SECOND
    return np.array([np.interp(place, np.arange(syllables), row) for row in vowels.T])


def _gain(frequency: NDArray[np.float64], formants: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much a mouth of these formants lets through at a frequency: one bell a formant."""
    return (
        np.asarray(np.exp(-(((frequency - formants) / (0.25 * formants)) ** 2)).sum(axis=0)) + 0.02
    )


def _envelope(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Syllables: loud and soft in turn, silent at both ends."""
    beat = 0.5 - 0.5 * np.cos(2 * np.pi * _SYLLABLES_PER_SECOND * time)
    ends = np.minimum(1, np.minimum(time, time[-1] - time) / 0.05) if len(time) else time
    return np.asarray((0.15 + 0.85 * beat) * ends)
