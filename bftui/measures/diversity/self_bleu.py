"""Self-BLEU: how well the other outputs of a prompt predict the words of each, through the package `sacrebleu`."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.core.errors import MissingDependency


class SelfBleu:
    """BLEU of each output against the others (Zhu et al., Texygen, SIGIR 2018), n-grams up to 4.

    Attributes:
        signature: how it was computed, in sacrebleu's words.
    """

    def __init__(self) -> None:
        """Raises MissingDependency without sacrebleu."""
        try:
            from sacrebleu.metrics.bleu import BLEU
        except ImportError as error:
            raise MissingDependency(
                "Self-BLEU is left out", "sacrebleu is not installed", "pip install sacrebleu"
            ) from error
        # Outputs of fewer than four words have no 4-grams: they are scored by the orders that they have.
        self._bleu = BLEU(effective_order=True)
        self._bleu.sentence_score("", [""])
        parts = str(self._bleu.get_signature()).split("|")
        # The number of references is that of the other outputs.
        self.signature = "|".join(part for part in parts if not part.startswith("nrefs:"))

    def score(self, texts: Sequence[str]) -> float | None:
        """Returns the mean BLEU of the texts, each against all others, in [0, 1].

        The more alike the texts, the higher. It rises with their number: compare the same number of texts. None below
        two texts, or where all are blank.
        """
        if len(texts) < 2 or not "".join(texts).strip():
            return None
        scores = [
            self._bleu.sentence_score(text, [*texts[:place], *texts[place + 1 :]]).score
            for place, text in enumerate(texts)
        ]
        # sacrebleu's percentages are above 100 by a rounding.
        return float(min(sum(scores) / len(scores) / 100, 1.0))
