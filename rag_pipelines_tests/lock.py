"""What requirements.lock pins."""

from pathlib import Path

from packaging.utils import canonicalize_name

LOCK = (Path(__file__).parents[1] / "requirements.lock").read_text()


def pins() -> dict[str, str]:
    """The pinned version of each package, by its canonical name."""
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    pairs = [line.partition(";")[0].strip().split("==") for line in lines]
    return {canonicalize_name(name): pinned for name, pinned in pairs}
