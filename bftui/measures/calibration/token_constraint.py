"""Which tokens may come next under a regular expression or a JSON schema whose answers cannot be written out.

How many answers go on from a token is unknown, so that all valid tokens weigh alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bftui.backends.client.constraint_masks import ConstraintMasks
from bftui.core.errors import UsageError
from bftui.core.sampler import Constraint
from bftui.core.valid.token_trie import Edge, TrieNode
from bftui.measures.calibration.compile_valid import end_ids, last_character, leading_blank
from bftui.model.loaded_model import Model
from bftui.results.calibration_result import Lead

Kind = Literal["regex", "schema"]


class TokenConstraint:
    """A regular expression or a JSON schema after a prompt of a model.

    Expressions are those of Rust's library `regex`, whose digits, word characters and blanks are held to ASCII here.

    Attributes:
        ends: the ids that end an answer.
    """

    def __init__(
        self,
        model: Model,
        prompt_ids: Sequence[int],
        kind: Kind,
        source: str,
        *,
        end: Sequence[str] = (),
        lead: Lead = "auto",
    ) -> None:
        """Reads the expression, or the schema's JSON.

        Args:
            end, lead: as of `compile_valid`; no blank is put before JSON.

        Raises MissingDependency without llguidance, UsageError for what it does not read.
        """
        if kind == "regex":
            blank = leading_blank(lead, last_character(model, prompt_ids))
            before = {True: " ", False: "", None: " ?"}[blank]
            self._constraint = Constraint("regex", f"{before}(?:{source})")
        else:
            self._constraint = Constraint("json-schema", source)
        self._masks = ConstraintMasks(model)
        self.ends = end_ids(model, end)
        self._text = np.ones(model.info.n_vocab, bool)
        self._text[[*self.ends, *model.info.eog_ids]] = False
        self._masks.after(self._constraint, ())

    def node(self, path: Sequence[int]) -> TrieNode:
        """Returns the valid ways on after some tokens of an answer, each as one valid answer.

        A token that ends answers is only that, also where an answer could go on with it. Raises UsageError where the
        tokens are not valid, and where the constraint takes too much work here.
        """
        allowed = self._masks.after(self._constraint, path)
        if allowed.mask is None:
            what = (
                "the text is not valid"
                if allowed.state == "left"
                else "the constraint cannot be followed"
            )
            raise UsageError(what, allowed.reason)
        edges = [
            Edge((token_id,), 1, None)
            for token_id in np.flatnonzero(allowed.mask & self._text).tolist()
        ]
        if allowed.state in ("may end", "ends"):
            edges.append(Edge(self.ends, 1, None))
        return TrieNode(tuple(path), tuple(edges), (), len(edges))
