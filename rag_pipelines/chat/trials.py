"""Which users a challenger answers, while it is tried beside the model that serves.

Knows how users are drawn. What is tried stands in the pointer.
"""

from hashlib import sha256

from rag_pipelines.chat.access import LOCAL
from rag_pipelines.records import Trial

_ALL = 1 << 256


def is_tried_on(trial: Trial, user_id: str, session_id: str) -> bool:
    """Whether the challenger answers this user; where nobody is named, this conversation.

    The same one gets the same answerer as long as a challenger is tried; a larger share only adds
    to those who get it, and another challenger draws anew.
    """
    asker = session_id if user_id == LOCAL else user_id
    drawn = sha256(f"{trial.model.name}\0{trial.model.digest}\0{asker}".encode()).hexdigest()
    return int(drawn, 16) < trial.share * _ALL
