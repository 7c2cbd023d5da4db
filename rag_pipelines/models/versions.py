"""Which libraries made a model: part of its recipe, since another version may make another."""

from importlib.metadata import version


def made_with(*packages: str) -> dict[str, str]:
    """Each package's version, a local build's name left out: `2.13.0+cpu` is `2.13.0`."""
    return {name: version(name).partition("+")[0] for name in packages}
