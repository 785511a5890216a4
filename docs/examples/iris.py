"""The port of iris.R to Python: what R torch 0.17 prints, to the digit, or what it would print if its optimizer did what it says.

python docs/examples/iris.py 0.17
python docs/examples/iris.py fixed
"""

import sys

import torch
from torch import nn

from crossoptim.rtorch import lr_step, optim_sgd
from crossoptim.spec.problems.tables import columns, read

torch.set_num_threads(1)
torch.manual_seed(1)  # the same start as in R: it is the same generator

iris = read("iris")  # R's table
x = torch.tensor(columns(iris, ["Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"]))  # scaled
species = [row["Species"] for row in iris]
y = torch.tensor([sorted(set(species)).index(name) for name in species])  # from 0, where R counts from 1
model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
optimizer = optim_sgd(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, quirks=sys.argv[1])
scheduler = lr_step(optimizer, step_size=20, gamma=0.5)

for epoch in range(1, 61):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(f"{epoch} {loss.item():.6f}")
