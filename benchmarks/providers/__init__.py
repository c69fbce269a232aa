"""What the repository times beside the libraries of `logitkit.bench.providers`."""

from logitkit.bench import providers

providers.MODULES.update({name: f"{__name__}.{name}" for name in ("before", "floors")})
providers.NEEDS.update({"before": (), "floors": ()})
