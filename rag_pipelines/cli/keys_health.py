"""The keys' side of `rag doctor`: whether the chat service may listen where it is told to."""

from rag_pipelines.cli.check import Check, fail, ok, warn
from rag_pipelines.lib.project import Project


def keys_health(project: Project) -> Check:
    """Whether the keys there are fit RAG_HOST, and whether RAG_KEY is one of them."""
    from rag_pipelines.chat.keys import Keys, session_of
    from rag_pipelines.chat.server import loopback

    settings = project.settings
    keys = Keys(settings.keys)
    names = ", ".join(key.name for key in keys.all())
    if not names and not loopback(settings.host):
        remedy = "rag keys add NAME, or set RAG_HOST to 127.0.0.1"
        return fail("keys", f"there is none, and RAG_HOST is {settings.host}", remedy)
    if not names:
        return ok("keys", f"there is none: whoever asks at {settings.host} is answered")
    if settings.key is None:
        remedy = "rag keys add pipelines, and set RAG_KEY to it where the pipelines run"
        return warn("keys", f"{names}; a run cannot ask the service what it serves", remedy)
    owner = keys.owner(session_of(settings.key.get_secret_value()))
    if owner is None:
        return fail("keys", f"{names}; RAG_KEY is none of them", "set RAG_KEY to one, or unset it")
    return ok("keys", f"{names}; the pipelines ask as {owner}")
