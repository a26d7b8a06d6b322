"""Measures for test_experiment: other processes import them by name."""

import os
import signal
from pathlib import Path


class DiesOnce:
    """Kills its own process in one run, the first time that run is measured anywhere."""

    def __init__(self, seed, marker):
        self.seed, self.marker = seed, marker

    def __call__(self, report):
        marker = Path(self.marker)
        if report.seed == self.seed and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return report.mean_ns()


def fails(report):
    raise ValueError(f"no figure of {report.name}")
