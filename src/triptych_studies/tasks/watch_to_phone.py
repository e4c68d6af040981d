"""Activities learned on a watch and read on a phone in the pocket: another device, other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from triptych.datasets import wisdm
from triptych_studies.base import Cell
from triptych_studies.tasks.base import Sides
from triptych_studies.tasks.benchmark import BenchmarkTask
from triptych_studies.tasks.benchmark_motion import Worn


class WatchToPhone(Worn):
    """WISDM's five activities of the phone: trained and probes fitted on the watch of others."""

    title: ClassVar[str] = "watch-to-phone"
    source: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "wisdm",
        {"device": "any", "activities": wisdm.PRESETS["phone-5"]["activities"]},
    )

    def sides(self, cell: Cell) -> Sides:
        """Test windows are the phone's, all others the watch's."""
        worn = np.char.endswith(self.windows.record.astype(str), " watch")
        watch, phone = (
            BenchmarkTask.sides(replace(self, windows=self.windows.take(np.flatnonzero(own))), cell)
            for own in (worn, ~worn)
        )
        return Sides(watch.train, watch.validation, phone.test)
