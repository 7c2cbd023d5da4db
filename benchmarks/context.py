"""What every stage is told: the site, where to work, what to measure with."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = "site"


@dataclass(frozen=True, slots=True)
class Context:
    """One run of the benchmarks.

    `eval_data` is empty where no sets were named, `load_seconds` None for each row's own time.
    """

    url: str
    folder: str
    work: str
    eval_data: str = ""
    rows: tuple[int, ...] = (10_000, 100_000)
    repetitions: int = 10
    publishes: int = 20
    publish_seconds: float = 600.0
    load_seconds: float | None = None
    sessions: int = 10_000

    @property
    def home(self) -> Path:
        """`RAG_HOME` of the ingest."""
        return Path(self.work) / "home"

    def dataset(self, name: str) -> Path | None:
        """Folder of an evaluation set: in `eval_data`, or in a folder of it; None if not there."""
        if not self.eval_data:
            return None
        places = [Path(self.eval_data), *sorted(Path(self.eval_data).glob("*/"))]
        return next((place / name for place in places if (place / name).is_dir()), None)

    @property
    def website(self) -> dict[str, Any]:
        """The site as `sources.yaml` names it, politeness off."""
        return {
            "start_urls": [self.url],
            "allow_private_hosts": [urlsplit(self.url).netloc],
            "delay": 0,
        }

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Context":
        found = json.loads(path.read_text())
        return cls(**found | {"rows": tuple(found["rows"])})


def tell(text: str) -> None:
    """A line of progress, on standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)
