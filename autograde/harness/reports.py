"""What is reported about a call beside its result: gradients, and what became of the objects among its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autograde.harness.call import FunctionCall, ModuleCall, Unsuitable
from autograde.harness.plain import to_plain, type_name


def objects(args: tuple[Any, ...]) -> dict[str, Any]:
    """What became of the objects among the arguments, by the argument's number.

    A module: mode, parameters and buffers, the gradients (None where there is none), the parameters that require none,
    and how many parameters share memory with another module's, or with a tensor of a dictionary. An optimizer: its
    learning rate. A generator of random numbers: its state.
    """
    import torch

    modules = {str(i): arg for i, arg in enumerate(args) if isinstance(arg, torch.nn.Module)}
    owners: dict[int, set[str]] = {}
    for number, arg in enumerate(args):
        for tensor in _tensors(arg):
            owners.setdefault(tensor.untyped_storage().data_ptr(), set()).add(str(number))
    reported: dict[str, Any] = {
        name: {
            "training": module.training,
            "parameters": {key: to_plain(p) for key, p in sorted(module.named_parameters())},
            "buffers": {key: to_plain(b) for key, b in sorted(module.named_buffers())},
            "gradients": {key: to_plain(p.grad) for key, p in sorted(module.named_parameters())},
            "frozen": [key for key, p in sorted(module.named_parameters()) if not p.requires_grad],
            "shared": sum(len(owners[p.untyped_storage().data_ptr()]) > 1 for p in module.parameters()),
        }
        for name, module in modules.items()
    }
    for number, arg in enumerate(args):
        if isinstance(arg, torch.optim.Optimizer):
            reported[str(number)] = {"rate": to_plain(arg.param_groups[0]["lr"])}
        elif isinstance(arg, torch.Generator):
            reported[str(number)] = {"state": to_plain(arg.get_state())}
    return reported


def _tensors(arg: Any) -> Iterator[Any]:
    """The parameters of a module, the tensors of a dictionary."""
    import torch

    if isinstance(arg, torch.nn.Module):
        yield from arg.parameters()
    elif isinstance(arg, dict):
        yield from (value for value in arg.values() if isinstance(value, torch.Tensor))


def random_state() -> Any:
    """The state of PyTorch's global generator of random numbers."""
    import torch

    return to_plain(torch.get_rng_state())


def learning_inputs(call: FunctionCall | ModuleCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The tensors among the arguments whose gradients are wanted, ready to collect them."""
    import torch

    if "input_gradients" not in call.report:
        return []
    inputs = [a for a in (*args, *kwargs.values()) if isinstance(a, torch.Tensor) and a.is_floating_point()]
    return [tensor.requires_grad_(True) for tensor in inputs]


def backward(output: Any) -> None:
    """Gradients of a fixed loss: any will do; cosines of 1, 2, 3, ... weigh every output differently."""
    import torch

    first = output[0] if isinstance(output, tuple | list) else output
    if not isinstance(first, torch.Tensor):
        raise Unsuitable(f"the output is {type_name(first)}; expected a tensor")
    probe = torch.cos(torch.arange(1, first.numel() + 1, dtype=torch.float64)).to(first.dtype)
    (first * probe.reshape(first.shape)).sum().backward()


def taken_gradients(inputs: list[Any]) -> list[Any]:
    """The gradients of these tensors, which are plain data again afterwards."""
    import torch

    for tensor in inputs:
        tensor.requires_grad_(False)
    return [to_plain(torch.zeros_like(t) if t.grad is None else t.grad) for t in inputs]
