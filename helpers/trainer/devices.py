"""Where a run computes: device, precision, and the processes that `torchrun` started."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist

from helpers.trainer.config import Config
from helpers.trainer.errors import TrainingError

ALL_THREADS = torch.get_num_threads()  # as many as PyTorch takes by default, noted before a program changes it
WIDE = 256  # d_model from which bf16 paid on a CPU; see benchmarks/README.md


@dataclass(frozen=True)
class DeviceContext:
    """The device of this process and its number among the `world` processes of the run."""

    device: torch.device
    precision: str  # "fp32" or "bf16"
    compile: bool
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """True for the one process that writes files."""
        return self.rank == 0

    def autocast(self) -> torch.autocast:
        """For the forward pass: matrix products in bfloat16, or as they are."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of `values` over all processes."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def largest(self, values: list[float]) -> list[float]:
        """The largest of each value over all processes."""
        if self.world == 1:
            return values
        values = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(values, op=dist.ReduceOp.MAX)
        return values.tolist()

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.world > 1:
            dist.barrier()

    @property
    def name(self) -> str:
        """What the result card says: the device's own name, and how many."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type.upper()
        if self.device.type == "cpu":
            name = f"CPU, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
        return f"{self.world} × {name}" if self.world > 1 else name


def available() -> list[str]:
    """The kinds of devices that this machine has, the fastest first."""
    kinds = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
    return [*kinds, "cpu"]


def device_context(config: Config) -> DeviceContext:
    """The device and precision that `config` names, or the best there are, and the number of this process. Joins the
    process group if torchrun started several.

    What config leaves to "auto" follows `benchmarks/switches.py`. On the CPU nothing is compiled, which was slower at
    every size, and the precision is fp32 except where `bf16_pays`. On CUDA it is bf16 and compiled.
    """
    kinds = available()
    kind = kinds[0] if config.device == "auto" else config.device
    if kind not in kinds:
        raise TrainingError(f"This machine has no {kind} device; it has {', '.join(kinds)}. Leave device at auto.")
    if config.threads:
        torch.set_num_threads(config.threads)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_RANK", 0))
    if kind == "cuda":
        if local >= torch.cuda.device_count():
            raise TrainingError(f"torchrun started more processes than the {torch.cuda.device_count()} GPUs here.")
        torch.cuda.set_device(local)
        torch.set_float32_matmul_precision("high")  # TF32 for what stays in float32
    device = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    precision = config.precision if config.precision != "auto" else "bf16" if bf16_pays(kind, config) else "fp32"
    compiled = kind == "cuda" if config.compile == "auto" else config.compile == "on"
    return DeviceContext(device, precision, compiled, rank, world)


def bf16_pays(kind: str, config: Config) -> bool:
    """Is a step faster in bfloat16? On CUDA where the device computes in it. On a CPU that has instructions for it, for
    wide models: the narrow ones spend more on converting than their small products save."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind == "cpu" and config.d_model >= WIDE and cpu_has_bf16()


def cpu_has_bf16() -> bool:
    """Does the CPU have instructions for bfloat16 (AVX-512 or AMX)? False where PyTorch cannot say."""
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def leave(context: DeviceContext) -> None:
    """Ends the process group that `device_context` joined."""
    if context.world > 1 and dist.is_initialized():
        dist.destroy_process_group()
