"""Readers of own recordings: one file per format, and what they have in common.

=============  =====================================================================================
file           what it reads
=============  =====================================================================================
`wfdb`         PhysioNet records (``.hea`` with ``.dat``, ``.mat`` or FLAC), segments, annotations
`edf`          EDF, EDF+, BDF, BDF+
`table`        CSV, TSV, Parquet, Feather, packed or not; by `text` (form) and `frame` (columns)
`array`        ``.npy``, ``.npz``, ``.mat``
`folder`       all of these in a folder, with manifests (`metadata`) and annotations in other files
               (`companions`), as one data set (`alike`)
=============  =====================================================================================
"""

from triptych.datasets.readers.folder import Reading, load, options_of, read
from triptych.datasets.readers.stretch import ReadOptions

__all__ = ["ReadOptions", "Reading", "load", "options_of", "read"]
