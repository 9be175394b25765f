"""Captured CUDA graphs."""

from __future__ import annotations

from typing import Any, Callable

from .bench import Bench
from .result import Result
from .sentences import say


def check_graph(
    bench: Bench, capture: Callable[[Callable[[Any], Any], Any], Callable[[Any], Any]] | None = None
) -> Result:
    """Capture a product in a CUDA graph and replay it on ten new inputs; each must equal the eager result."""
    torch = bench.torch

    def captured(work: Callable[[Any], Any], example: Any) -> Callable[[Any], Any]:
        cuda = torch.cuda
        held = example.clone()
        side = cuda.Stream()
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            for _ in range(3):
                work(held)
        cuda.current_stream().wait_stream(side)
        graph = cuda.CUDAGraph()
        # Without a stream torch takes that of the device which captured first (pytorch issue 87794).
        with cuda.graph(graph, stream=side):
            result = work(held)

        def replay(x: Any) -> Any:
            held.copy_(x)
            graph.replay()
            return result.clone()

        return replay

    w = bench.put(bench.normal(256, 256, seed=100))
    work: Callable[[Any], Any] = lambda x: torch.relu(x @ w)  # noqa: E731 - handed on twice
    inputs = [bench.put(bench.normal(256, 256, seed=101 + turn)) for turn in range(10)]
    replay = (capture or captured)(work, inputs[0])
    stale = sum(not torch.equal(bench.back(replay(x)), bench.back(work(x))) for x in inputs)
    if stale:
        text = say("{count} of 10 replays of a captured graph differ from the eager result", count=stale)
        return Result("fail", stale, "wrong replays", 0, text, "wrong-results")
    return Result("pass", 0, "wrong replays", 0, say("matmul and relu, captured once and replayed on ten inputs"))
