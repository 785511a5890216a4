"""A small transformer on real text, before and after the one line that changes; the text is the source of torch.optim, which torch ships.

python docs/examples/transformer.py [STEPS]
"""

import math
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from types import ModuleType

import torch
from torch import nn

import crossoptim as co

CONTEXT, WIDTH, SYMBOLS = 64, 64, 128
TEXT = "".join(file.read_text(encoding="utf-8") for file in sorted(Path(torch.optim.__file__).parent.glob("*.py")))
DATA = torch.tensor([min(ord(sign), SYMBOLS - 1) for sign in TEXT])


class Transformer(nn.Module):
    """Predicts each next sign from those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.signs, self.places = nn.Embedding(SYMBOLS, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, nhead=4, dim_feedforward=4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers=2, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, SYMBOLS)
        self.mask = nn.Transformer.generate_square_subsequent_mask(CONTEXT)

    def forward(self, signs: torch.Tensor) -> torch.Tensor:
        """Scores of the next sign, at each place."""
        embedded = self.signs(signs) + self.places(torch.arange(CONTEXT))
        return self.head(self.layers(embedded, mask=self.mask, is_causal=True))


def train(library: ModuleType, steps: int) -> tuple[list[float], float]:
    """The loss at each step, and the median of the milliseconds that a step of the optimizer takes."""
    torch.manual_seed(0)
    model = Transformer()
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = library.AdamW(groups, lr=3e-3, betas=(0.9, 0.95))  # the line: torch.optim.AdamW, or co.AdamW
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps, cycle_momentum=False)
    losses, times = [], []
    for _ in range(steps):
        starts = torch.randint(len(DATA) - CONTEXT, (16, 1))
        signs = DATA[starts + torch.arange(CONTEXT + 1)]
        loss = nn.functional.cross_entropy(model(signs[:, :-1]).flatten(0, 1), signs[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        begin = perf_counter()
        optimizer.step()
        times.append(perf_counter() - begin)
        schedule.step()
        losses.append(loss.item())
    return losses, 1e3 * median(times)


def main(steps: int) -> None:
    """Train twice and print both."""
    before, before_ms = train(torch.optim, steps)
    after, after_ms = train(co, steps)
    print(f"{'step':>5}  {'torch.optim':>11}  {'crossoptim':>11}")
    for step in sorted({1, *range(steps // 5, steps + 1, steps // 5), steps}):
        print(f"{step:5}  {before[step - 1]:11.6f}  {after[step - 1]:11.6f}")
    apart = max(abs(a - b) / b for a, b in zip(after, before, strict=True))
    print(f"{'agree':>5}  {math.floor(-math.log10(apart)) if apart else 'all'} digits")
    print(f"{'ms':>5}  {before_ms:11.3f}  {after_ms:11.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
