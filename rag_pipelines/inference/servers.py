"""Where model servers are and how long they may take.

Only data, filled in by whoever read the settings: nothing here reads an environment variable.
"""

from dataclasses import dataclass, field

OLLAMA_DEFAULT = "http://127.0.0.1:11434"
OPENAI_DEFAULT = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class ModelServers:
    """Addresses, keys and patience for models that answer over HTTP.

    Times are seconds: `connect_timeout` to reach a server, `read_timeout` between two pieces of
    its answer, `answer_timeout` for the whole of it, `probe_timeout` to find out whether it is
    there at all. `retries` counts further attempts after a refused connection, a 429 or a 5xx
    answer; the wait before them starts at `retry_delay` and doubles. After `circuit_failures`
    failed answers in a row a generator is left alone for `circuit_pause`.

    No server tells how many answers it writes at once: `ollama_slots` is what Ollama does unless
    OLLAMA_NUM_PARALLEL says otherwise, `openai_slots` what a server for many users does well.
    """

    ollama_host: str = OLLAMA_DEFAULT
    openai_api_key: str = field(default="", repr=False)
    hf_offline: bool = False
    connect_timeout: float = 5.0
    read_timeout: float = 120.0
    answer_timeout: float = 300.0
    probe_timeout: float = 1.0
    retries: int = 2
    retry_delay: float = 0.5
    circuit_failures: int = 5
    circuit_pause: float = 30.0
    ollama_slots: int = 1
    openai_slots: int = 16


NO_SERVERS = ModelServers()
