"""Training in half precision with a gradient scaler, and without."""

from __future__ import annotations

from typing import Any, Callable

from .bench import Bench
from .cards import NO_TENSOR_CORES, facts_of
from .result import Result
from .sentences import listed, say
from .training import plain_step, train


def grad_scaler(bench: Bench) -> Any:
    """Make a gradient scaler; torch before 2.3 has one for CUDA only."""
    torch = bench.torch
    if hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler(device_type(bench))
    if bench.kind in ("cuda", "hip"):
        return torch.cuda.amp.GradScaler()
    return None


def device_type(bench: Bench) -> str:
    """Give torch's own name for the kind of device: cuda for ROCm as well."""
    return "cuda" if bench.kind == "hip" else bench.kind


def check_amp(bench: Bench, scaler: Any = None, casting: Callable[[Any], Any] | None = None) -> Result:
    """Train in fp16 with a gradient scaler and in bf16 without; the scaler must skip a step that is infinite."""
    torch = bench.torch
    half, brain = torch.float16, torch.bfloat16
    casting = casting or (lambda dtype: torch.autocast(device_type(bench), dtype=dtype))
    scaler = scaler or grad_scaler(bench)
    said = []
    model = optimizer = None
    if scaler is not None:
        # A CPU has no fast fp16: there the scaler is tested with bf16.
        dtype = brain if bench.kind == "cpu" else half

        def scaled(loss: Any, chosen: Any) -> None:
            scaler.scale(loss).backward()
            scaler.step(chosen)
            scaler.update()

        with_scaler, model, optimizer = train(bench, scaled, lambda: casting(dtype))
        if with_scaler.status != "pass":
            text = say("{dtype} with a gradient scaler: {what}", dtype=str(dtype), what=with_scaler.detail)
            nan_is_known = bench.kind == "cuda" and NO_TENSOR_CORES.search(facts_of(bench).name)
            return with_scaler._replace(
                detail=text, hint="fp16-nan-without-tensor-cores" if nan_is_known else with_scaler.hint
            )
        name = str(dtype).rpartition(".")[2]
        said.append(say("{dtype} with a scaler {accuracy:.3f}", dtype=name, accuracy=with_scaler.value))
        problem = unskipped_step(bench, scaler, model, optimizer)
        if problem:
            return Result("fail", None, None, None, problem, "wrong-results")
        said.append(say("an infinite step was skipped"))
    if not (bench.kind == "cuda" and bench.capability() < (8, 0)):
        in_bf16 = train(bench, plain_step, lambda: casting(brain))[0]
        if in_bf16.status != "pass":
            return in_bf16._replace(detail=say("{dtype}: {what}", dtype="bfloat16", what=in_bf16.detail))
        said.append(say("{dtype} {accuracy:.3f}", dtype="bfloat16", accuracy=in_bf16.value))
    return Result("pass", None, None, None, say("accuracy: {each}", each=listed(said)))


def unskipped_step(bench: Bench, scaler: Any, model: Any, optimizer: Any) -> str | None:
    """Give the scaler one infinite gradient; tell what it did wrong, None when it skipped the step and scaled down."""
    torch = bench.torch
    before = [bench.back(parameter).clone() for parameter in model.parameters()]
    scale = float(scaler.get_scale())
    optimizer.zero_grad()
    first = next(iter(model.parameters()))
    scaler.scale((first * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    after = [bench.back(parameter) for parameter in model.parameters()]
    if not all(torch.equal(old, new) for old, new in zip(before, after)):  # noqa: B905 - Python 3.9 has no strict
        return say("the gradient scaler took a step with an infinite gradient")
    if not float(scaler.get_scale()) < scale:
        return say("the gradient scaler kept its scale of {scale:g} after an infinite gradient", scale=scale)
    return None
