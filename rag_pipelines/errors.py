"""The exception tree. Every message says what was found, what was expected and what to do.

RagError
├── UserError             a person's mistake: the command line prints it and exits with 2
│   └── ConfigError       a bad setting or configuration file: names file, line or variable
├── FetchError            content could not be fetched
│   ├── BlockedAddress    the address may not be reached (scheme, private or metadata address)
│   ├── TooLarge          a size or decompressed-size cap was passed
│   └── TooManyRedirects
├── ModelError            an embedder or generator failed or answered nonsense
│   └── ModelUnavailable  the model server cannot be reached, or its package is not installed
├── ArtifactError         a model file is missing, altered, or of a kind that is not opened
├── TrackingError         MLflow cannot be reached, is too slow or cannot write
└── ReleaseError          a release cannot be built, opened or published
    ├── ReleaseLocked     another process is writing releases
    └── EmbedderMismatch  the index was built by another embedder than the one configured
"""


class RagError(Exception):
    """Anything this package raises on purpose."""


class UserError(RagError):
    """A mistake that the person at the keyboard can mend; the message carries the remedy."""


class ConfigError(UserError):
    """A setting or a configuration file that cannot be used as it is."""


class FetchError(RagError):
    """Content could not be fetched."""


class BlockedAddress(FetchError):
    """The address is one that content may not be fetched from."""


class TooLarge(FetchError):
    """The body passed its size cap, before or after decompression."""


class TooManyRedirects(FetchError):
    """The redirect chain is longer than allowed."""


class ModelError(RagError):
    """A model failed or answered something unusable."""


class ModelUnavailable(ModelError):
    """A model's server, file or package is not there."""


class ArtifactError(RagError):
    """A model file is missing, altered, or of a kind that is not opened."""


class TrackingError(RagError):
    """MLflow cannot be reached, is too slow or cannot write."""


class ReleaseError(RagError):
    """A release cannot be built, opened or published."""


class ReleaseLocked(ReleaseError):
    """Another process holds the writer's lock."""


class EmbedderMismatch(ReleaseError):
    """The index was built by another embedder than the one that would query it."""
