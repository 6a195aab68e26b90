"""What every test shares: hypothesis without a clock, for machines whose speed varies."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "vapor", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("vapor")
