"""What is in memory as a data set, with the checks and the words of files."""

from triptych.datasets.memory.arrays import from_arrays, from_frame
from triptych.datasets.memory.mne import from_mne
from triptych.datasets.memory.rows import from_hf
from triptych.datasets.memory.windows import from_parquet, from_windows
from triptych.datasets.memory.xarray import from_xarray

__all__ = [
    "from_arrays",
    "from_frame",
    "from_hf",
    "from_mne",
    "from_parquet",
    "from_windows",
    "from_xarray",
]
