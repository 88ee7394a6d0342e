"""The words of the lessons: a short table while training, open_clip's long one when saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Row 0 is the padding, row 1 every word that no lesson uses, the last row the end of text:
# open_clip finds the end of a text as its largest number.
UNKNOWN = 1


class Words:
    """Maps open_clip's 49408 tokens to the few that occur, and back.

    Training a table of 49408 rows of which some hundred are ever read would spend its time
    in the optimiser. All the words that never occur share one row, and because the lessons
    strew that row among the captions, the model learns to read past words it does not know.
    """

    def __init__(self, texts: Sequence[str], length: int, options: Mapping[str, Any]) -> None:
        self.tokenizer = SimpleTokenizer(context_length=length, **options)
        used = self.tokenizer(sorted(set(texts))).unique()
        self.used = used[used != 0]
        self.size = len(self.used) + 2
        self.table = torch.full((self.tokenizer.vocab_size,), UNKNOWN)
        self.table[0] = 0
        self.table[self.used] = torch.arange(2, self.size)

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Turn texts into rows of the short table."""
        different = sorted(set(texts))
        rows = {text: row for row, text in enumerate(different)}
        tokens = self.table[self.tokenizer(different)]
        return tokens[[rows[text] for text in texts]]

    def disturb(self, tokens: Tensor) -> Tensor:
        """Put an unknown word, or two, somewhere into a third of the captions."""
        for _ in range(2):
            count, length = tokens.shape
            ends = tokens.argmax(1)
            room = (ends < length - 1) & (torch.rand(count) < 0.2)
            at = 1 + (torch.rand(count) * ends).long()
            places = torch.arange(length)
            moved = torch.where(places > at[:, None], tokens.roll(1, 1), tokens)
            moved = torch.where(places == at[:, None], UNKNOWN, moved)
            tokens = torch.where(room[:, None], moved, tokens)
        return tokens

    def spread(self, rows: Tensor) -> Tensor:
        """Give the long table in which every unused word has the row of the unknown one."""
        return rows[self.table]

    def gather(self, rows: Tensor) -> Tensor:
        """Give the short table that a long one was spread from."""
        unused = int((self.table == UNKNOWN).nonzero()[0])
        return rows[torch.cat([torch.tensor([0, unused]), self.used])]
