"""Train a convolutional network with logitkit's cross-entropy, and beside it with PyTorch's.

Both networks start from the same weights and see the same batches of scikit-learn's handwritten
digits (E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998), two thirds
of them; the other third is for the accuracy. So the curves must be the same but for rounding.

    pip install logitkit[torch,plot] scikit-learn
    python examples/training.py --plot curves.svg
"""

import argparse
import time
from dataclasses import dataclass, field

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import logitkit.torch.nn

BATCH = 64
LEARNING_RATE = 0.05
MOMENTUM = 0.9
LOSSES = {"logitkit": logitkit.torch.nn.CrossEntropyLoss, "PyTorch": nn.CrossEntropyLoss}


@dataclass
class Run:
    """One network on its way: its training loss and held-out accuracy after each epoch."""

    network: nn.Module
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def make_network() -> nn.Module:
    """Return a network of 8x8 images: two convolutions and a linear layer to ten scores."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10),
    )


def make_run(loss: nn.Module, seed: int) -> Run:
    """Return a run at its start; the same seed gives the same weights."""
    torch.manual_seed(seed)
    network = make_network()
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    return Run(network, loss, optimizer)


def load(seed: int) -> tuple[torch.Tensor, ...]:
    """Return training images and labels, then those held out: images (N, 1, 8, 8) of 0 to 1."""
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    seen, unseen = train_test_split(
        range(len(labels)), test_size=1 / 3, stratify=digits.target, random_state=seed
    )
    return images[seen], labels[seen], images[unseen], labels[unseen]


def train_epoch(run: Run, images: torch.Tensor, labels: torch.Tensor, order: torch.Tensor) -> None:
    """Go through the images once, in the order that is given."""
    start = time.perf_counter()
    total = 0.0
    for batch in order.split(BATCH):
        run.optimizer.zero_grad()
        loss = run.loss(run.network(images[batch]), labels[batch])
        loss.backward()
        run.optimizer.step()
        total += loss.item() * len(batch)
    run.seconds.append(time.perf_counter() - start)
    run.losses.append(total / len(order))


@torch.no_grad()
def accuracy(run: Run, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of the images whose largest score is that of their digit."""
    return (run.network(images).argmax(-1) == labels).double().mean().item()


def train(epochs: int, seed: int = 0) -> dict[str, Run]:
    """Train with both losses, an epoch of one after an epoch of the other."""
    images, labels, unseen, unseen_labels = load(seed)
    runs = {name: make_run(loss(), seed) for name, loss in LOSSES.items()}
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        shuffled = torch.randperm(len(labels), generator=order)
        for run in runs.values():
            train_epoch(run, images, labels, shuffled)
            run.accuracies.append(accuracy(run, unseen, unseen_labels))
    return runs


def report(runs: dict[str, Run]) -> None:
    """Print both runs side by side."""
    print(f"{'loss':10}{'first epoch':>13}{'last epoch':>13}{'accuracy':>10}{'ms an epoch':>13}")
    for name, run in runs.items():
        milliseconds = 1000 * sorted(run.seconds)[len(run.seconds) // 2]
        print(
            f"{name:10}{run.losses[0]:13.6f}{run.losses[-1]:13.6f}{run.accuracies[-1]:10.2%}"
            f"{milliseconds:13.0f}"
        )
    ours, theirs = (run.losses for run in runs.values())
    apart = max(abs(a - b) / b for a, b in zip(ours, theirs, strict=True))
    print(f"largest relative difference of the two curves: {apart:.1e}")


def plot(runs: dict[str, Run], path: str) -> None:
    """Draw the curves of both, one on the other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    styles = {"logitkit": {"color": "#2f6bd8", "lw": 4, "alpha": 0.55}, "PyTorch": {"color": "k"}}
    for name, run in runs.items():
        epochs = range(1, len(run.losses) + 1)
        left.semilogy(epochs, run.losses, label=name, **styles[name])
        right.plot(epochs, [100 * a for a in run.accuracies], label=name, **styles[name])
    left.set(xlabel="epoch", title="Training loss, nats")
    right.set(xlabel="epoch", title="Accuracy on digits never seen, %")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.2)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    left.legend(frameon=False)
    figure.savefig(path)
    print(f"The curves are in {path}.")


def main() -> None:
    """Train, report, and draw if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="write the curves to a picture")
    options = parser.parse_args()
    runs = train(options.epochs, options.seed)
    report(runs)
    if options.plot:
        plot(runs, options.plot)


if __name__ == "__main__":
    main()
