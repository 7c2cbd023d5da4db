"""`AutoModelForSequenceClassification`: texts scored, such as by a reward model."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.inference.auto.task import Task


@dataclass(frozen=True, slots=True)
class Score:
    """A label and how well it fits.

    A model of one label gives its logit (a reward, a regression), others a probability: over all
    labels, or of each by itself where several may hold.
    """

    label: str
    score: float


class SequenceClassification(Task):
    """Scores of texts under the model's own labels."""

    auto = "AutoModelForSequenceClassification"
    mappings = ("MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",)

    def run(self, texts: Sequence[str]) -> list[list[Score]]:
        """The scores of each text, best first; a text's end beyond the context is not read."""
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> list[Score]:
        config = self._parts.model.config
        with self._computing():
            encoded = self._encoded([text], truncation=True, max_length=self.context_tokens)
            logits = self._parts.model(**encoded).logits[0].float()
            if config.problem_type == "multi_label_classification":
                logits = logits.sigmoid()
            elif len(logits) > 1:
                logits = logits.softmax(-1)
            scores = logits.cpu().tolist()
        found = [Score(config.id2label[at], score) for at, score in enumerate(scores)]
        return sorted(found, key=lambda one: -one.score)
