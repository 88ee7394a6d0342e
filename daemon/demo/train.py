"""Train the built-in demonstration model from nothing, on pictures that this repository draws.

Use: python daemon/demo/train.py --out DIR
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from demo.lessons import CAPTIONS_EACH, Lessons, draw_lessons, foreign_captions, needs_of
from demo.phrases import COLOURS
from demo.words import UNKNOWN, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

VISION: dict[str, Any] = {"image_size": 64, "layers": [1, 2, 2, 1], "width": 16, "head_width": 32}
TOKENIZER: dict[str, Any] = {"clean": "canonicalize"}
TEXT: dict[str, Any] = {
    "context_length": 24,
    "vocab_size": 49408,
    "width": 48,
    "heads": 4,
    "layers": 3,
}
WIDTH = 128
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
PREPROCESS = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "squash"}
WEIGHTS, TABLE = "open_clip_model.safetensors", "token_embedding.weight"
MOST_CERTAIN = math.log(60)


class Trainer:
    """Holds the model, its running average and the lessons."""

    def __init__(self, lessons: Lessons, words: Words, args: argparse.Namespace) -> None:
        self.args = args
        self.words = words
        self.model = open_clip.CLIP(WIDTH, VISION, TEXT | {"vocab_size": words.size})
        if args.start:
            state = load_file(args.start / WEIGHTS)
            state[TABLE] = words.gather(state[TABLE])
            self.model.load_state_dict(state)
        self.model.to(memory_format=torch.channels_last)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.pixels = torch.from_numpy(lessons.pixels)
        self.colour = self.first_colour(lessons)
        always = np.ones((len(lessons.has), 1), bool)
        self.has = torch.from_numpy(np.concatenate([lessons.has, always], 1))
        self.perhaps = self.has | torch.from_numpy(np.concatenate([lessons.maybe, always], 1))
        others = foreign_captions(args.foreign, args.seed + 1)
        self.tokens = words.tokens([caption.text for caption in lessons.captions])
        self.needs = torch.from_numpy(needs_of(lessons.captions))
        self.other_tokens = words.tokens([caption.text for caption in others])
        self.other_needs = torch.from_numpy(needs_of(others))

    @staticmethod
    def first_colour(lessons: Lessons) -> Tensor:
        """Give the number of each picture's first colour; those without one share their own."""
        colours = torch.from_numpy(lessons.has[:, : len(COLOURS)])
        return torch.where(colours.any(1), colours.int().argmax(1), len(COLOURS))

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Give endlessly: pictures, the captions beside them, and what the captions need."""
        while True:
            order = torch.randperm(len(self.pixels))
            for chunk in torch.split(order, 4 * self.args.batch):
                mixed, rest = chunk.tensor_split(2)
                # Half of a batch is of few colours: what has the same colour and is something
                # else is the mistake that the model makes longest.
                alike = rest[self.colour[rest].argsort()]
                for pair in zip(mixed.tensor_split(4), alike.tensor_split(4), strict=True):
                    chosen = torch.cat(pair)
                    own = chosen * CAPTIONS_EACH + torch.randint(CAPTIONS_EACH, chosen.shape)
                    other = torch.randint(len(self.other_tokens), (self.args.batch,))
                    tokens = torch.cat([self.tokens[own], self.other_tokens[other]])
                    yield chosen, tokens, torch.cat([self.needs[own], self.other_needs[other]])

    def step(self, chosen: Tensor, tokens: Tensor, needs: Tensor) -> Tensor:
        """Give the loss of one batch, both ways."""
        true = self.has[chosen][:, needs].all(2)
        unsure = self.perhaps[chosen][:, needs].all(2) & ~true
        images = self.model.encode_image(augment(self.pixels[chosen]), normalize=True)
        texts = self.model.encode_text(self.words.disturb(tokens), normalize=True)
        logits = self.model.logit_scale.exp() * images @ texts.T
        logits = logits.masked_fill(unsure, -1e4)
        return contrast(logits, true) + contrast(logits.T, true.T)

    def keep_average(self, step: int) -> None:
        """Follow the weights and the batch norm's figures with a running average."""
        share = min(0.995, (step + 1) / (step + 20))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - share)

    def run(self) -> None:
        """Train for the given number of steps."""
        args, start = self.args, time.monotonic()
        thin = [p for p in self.model.parameters() if p.ndim < 2]
        thick = [p for p in self.model.parameters() if p.ndim >= 2]
        groups = [{"params": thick, "weight_decay": 0.05}, {"params": thin, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, args.rate, args.steps, pct_start=0.08
        )
        self.model.train()
        for step, batch in zip(range(args.steps), self.batches(), strict=False):
            loss = self.step(*batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                self.model.logit_scale.clamp_(0, MOST_CERTAIN)
            self.keep_average(step)
            if (step + 1) % args.report == 0:
                spent = (time.monotonic() - start) / 60
                print(
                    f"step {step + 1} of {args.steps}: loss {loss.item():.3f}, {spent:.1f} min",
                    flush=True,
                )
                save(self.average, self.words, args.out)


def contrast(logits: Tensor, true: Tensor) -> Tensor:
    """Ask that every true answer of a row outweighs all the row's false ones.

    Other true answers are left out of each one's comparison, for they are no rivals.
    """
    false = torch.logsumexp(logits.masked_fill(true, -1e4), 1, keepdim=True)
    losses = functional.softplus(false - logits)
    counts = true.sum(1)
    rows = (losses * true).sum(1) / counts.clamp(min=1)
    return rows.sum() / (counts > 0).sum().clamp(min=1)


def augment(pixels: Tensor) -> Tensor:
    """Mirror, shift, brighten and roughen a batch of pictures a little, and normalise it."""
    count = len(pixels)
    images = pixels.permute(0, 3, 1, 2).float().div_(255)
    images = torch.where(torch.rand(count, 1, 1, 1) < 0.5, images.flip(3), images)
    turn = torch.zeros(count, 2, 3)
    turn[:, 0, 0], turn[:, 1, 1] = torch.empty(2, count).uniform_(0.88, 1.04)
    turn[:, :, 2] = torch.empty(count, 2).uniform_(-0.06, 0.06)
    grid = functional.affine_grid(turn, list(images.shape), align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    images = images * torch.empty(count, 1, 1, 1).uniform_(0.92, 1.06)
    images = images + torch.randn_like(images) * torch.empty(count, 1, 1, 1).uniform_(0, 0.03)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return ((images.clamp(0, 1) - mean) / std).contiguous(memory_format=torch.channels_last)


def save(state: dict[str, Tensor], words: Words, folder: Path) -> None:
    """Write the model in open_clip's own format, in half precision but for the batch norms."""
    folder.mkdir(parents=True, exist_ok=True)
    state = dict(state)
    state[TABLE] = words.spread(state[TABLE])
    for name, value in state.items():
        half = value.is_floating_point() and value.ndim > 0 and "running" not in name
        state[name] = (value.half() if half else value).contiguous()
    save_file(state, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # it is written for its owner alone, and goes into a package
    text = TEXT | {"tokenizer_kwargs": TOKENIZER}
    model = {"embed_dim": WIDTH, "vision_cfg": VISION, "text_cfg": text}
    config = {"model_cfg": model, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main() -> None:
    """Draw the lessons, train and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a model to train further")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--foreign", type=int, default=30_000)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=160)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--report", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    start = time.monotonic()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    lessons = draw_lessons(args.pictures, args.seed, args.threads)
    texts = [caption.text for caption in lessons.captions]
    words = Words(texts, TEXT["context_length"], TOKENIZER)
    print(f"{words.size} words, {UNKNOWN} stands for every other", flush=True)
    trainer = Trainer(lessons, words, args)
    trainer.run()
    save(trainer.average, words, args.out)
    print(f"done after {(time.monotonic() - start) / 60:.1f} min in all", flush=True)


if __name__ == "__main__":
    main()
