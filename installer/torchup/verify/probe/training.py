"""Training: a line, and a small network that both single devices and groups of them learn."""

from __future__ import annotations

import contextlib
from typing import Any, Callable

from .bench import Bench
from .result import Result
from .sentences import say

LINREG_LOSS, LINREG_GAP, LINREG_STEPS, LINREG_BLOCK = 1e-6, 1e-3, 200, 20


def check_train_linreg(bench: Bench, forward: Callable[[Any, Any, Any], Any] | None = None) -> Result:
    """Learn y = 2x + 1 by gradient descent; the loss must fall all the way and the answer be right."""
    torch = bench.torch
    forward = forward or (lambda x, w, b: x * w + b)
    x = bench.put(torch.linspace(-1, 1, 256))
    y = 2 * x + 1
    w = torch.zeros(1, device=bench.device, requires_grad=True)
    b = torch.zeros(1, device=bench.device, requires_grad=True)
    losses = []
    # Written out: torch.optim loads the compiler, which takes longer than the whole check.
    for step in range(LINREG_STEPS):
        loss = ((forward(x, w, b) - y) ** 2).mean()
        w.grad = b.grad = None
        loss.backward()
        with torch.no_grad():
            for parameter in (w, b):
                if parameter.grad is not None:
                    parameter.sub_(0.1 * parameter.grad)
        if step % LINREG_BLOCK == 0:
            losses.append(float(loss.detach().to("cpu")))
    last = float(((forward(x, w, b) - y) ** 2).mean().detach().to("cpu"))
    losses.append(last)
    found = say(
        "w {w:.4f}, b {b:.4f}, loss {first:.2f} to {last:.1e}",
        w=float(w.detach().to("cpu")),
        b=float(b.detach().to("cpu")),
        first=losses[0],
        last=last,
    )
    falling = all(later < earlier for earlier, later in zip(losses, losses[1:]))  # noqa: B905, RUF007 - Python 3.9 has neither
    gap = max(abs(float(w.detach().to("cpu")) - 2), abs(float(b.detach().to("cpu")) - 1))
    if not (falling and last < LINREG_LOSS and gap < LINREG_GAP):
        text = say("y = 2x + 1 was not learned: {found}", found=found)
        return Result("fail", last, "loss", LINREG_LOSS, text, "wrong-results")
    return Result("pass", last, "loss", LINREG_LOSS, say("y = 2x + 1 learned: {found}", found=found))


CNN_LOSS, CNN_ACCURACY, CNN_CLASSES = 0.7, 0.95, 10
# Before the first step every class is as likely as any other: ln 10 = 2.303.
CNN_FIRST = (1.8, 2.9)


def patches(bench: Bench, count: int) -> tuple[Any, Any]:
    """Make images of noise, shaped like MNIST, with a bright patch at one of ten places: the label."""
    torch = bench.torch
    labels = torch.arange(count) % CNN_CLASSES
    images = 0.3 * bench.normal(count, 1, 28, 28, seed=90)
    for index, label in enumerate(labels.tolist()):
        row, column = 3 + 12 * (label // 5), 1 + 5 * (label % 5)
        images[index, 0, row : row + 6, column : column + 5] += 2.0
    return images, labels


def small_cnn(bench: Bench) -> Any:
    """Make a small convolutional network on the device; its first weights are the same everywhere."""
    nn = bench.torch.nn
    bench.torch.manual_seed(91)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, CNN_CLASSES),
    )
    return model.to(bench.device)


def train(
    bench: Bench,
    step: Callable[[Any, Any], None],
    casting: Callable[[], Any] = contextlib.nullcontext,
) -> tuple[Result, Any, Any]:
    """Train the network on made-up images with Adam until it knows the labels; give model and optimizer too."""
    torch = bench.torch
    images, labels = patches(bench, 512)
    model = small_cnn(bench)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = bench.put(images), bench.put(labels)
    losses = []
    for epoch in range(3):
        order = torch.randperm(len(labels), generator=bench.generator(92 + epoch))
        for chosen in order.split(64):
            picked = bench.put(chosen)
            optimizer.zero_grad()
            with casting():
                loss = torch.nn.functional.cross_entropy(model(x[picked]), y[picked])
            step(loss, optimizer)
            losses.append(float(loss.detach().to("cpu")))
    with torch.no_grad(), casting():
        accuracy = float((model(x).argmax(1) == y).float().mean().to("cpu"))
    last = sum(losses[-8:]) / 8
    text = say("loss {first:.2f} to {last:.2f}, accuracy {accuracy:.3f}", first=losses[0], last=last, accuracy=accuracy)
    low, high = CNN_FIRST
    if not low < losses[0] < high:
        text = say("the first loss is {loss:.2f} and ought to be near 2.30", loss=losses[0])
        return Result("fail", losses[0], "loss", high, text, "wrong-results"), model, optimizer
    if not (last < CNN_LOSS and accuracy > CNN_ACCURACY):
        text = say("not learned: {found}", found=text)
        return Result("fail", accuracy, "accuracy", CNN_ACCURACY, text, "wrong-results"), model, optimizer
    return Result("pass", accuracy, "accuracy", CNN_ACCURACY, text), model, optimizer


def plain_step(loss: Any, optimizer: Any) -> None:
    """Take one step of training in the usual way."""
    loss.backward()
    optimizer.step()


def check_train_cnn(bench: Bench, step: Callable[[Any, Any], None] | None = None) -> Result:
    """Train a small convolutional network on made-up images with Adam until it knows the labels."""
    return train(bench, step or plain_step)[0]
