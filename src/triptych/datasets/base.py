"""What every data set is made of, in one place to import from."""

from triptych.datasets.download import locate
from triptych.datasets.recordings import Dataset, Events, Recording, Spans, preprocess
from triptych.datasets.windows import Windows, cut, event_windows, random_windows

__all__ = [
    "Dataset",
    "Events",
    "Recording",
    "Spans",
    "Windows",
    "cut",
    "event_windows",
    "locate",
    "preprocess",
    "random_windows",
]
