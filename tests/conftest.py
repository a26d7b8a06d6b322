"""Shared by all tests: the hypothesis profiles. Choose one with HYPOTHESIS_PROFILE=dev|ci|nightly."""

import os

from hypothesis import HealthCheck, settings

_SLOW_MACHINES = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile("dev", max_examples=30, deadline=None, suppress_health_check=_SLOW_MACHINES)
settings.register_profile(
    "ci", max_examples=50, deadline=None, derandomize=True, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile("nightly", max_examples=1000, deadline=None, suppress_health_check=_SLOW_MACHINES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
