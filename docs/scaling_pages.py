"""The page of docs/results/scale.json: equal numbers, kills, exponents, and a plan from the exchange."""

from pathlib import Path
from typing import Any

import numpy as np
import results_pages as results


KINDS = {
    "particles": "simulating particles (200 steps)",
    "samples": "drawing samples (32 steps of Heun)",
    "dimension": "training, numbers in a state",
    "parameters": "training, learnt parameters",
}
_SAME = {
    "step1_loss_difference": "loss of the first step, relative difference",
    "sample_difference": "1,001 samples, largest difference over the largest number",
    "resume_identical": "kills after which the fit went on to the same bytes (share)",
    "kills": "kills of a rank",
    "seconds_to_end": "longest time from a kill until all had ended (s)",
    "loss_difference": "loss 50 steps after a restore, relative difference",
    "final_loss_difference": "loss at the end of a fit that was restored, relative difference",
    "largest_loss_difference": "largest difference of such a fit",
    "cells_recovered": "cells with the rows of an undisturbed sweep (share)",
    "workers_killed": "workers killed",
    "rss_share": "growth of the memory over the size of the data",
    "megabytes_per_second": "megabytes per second, warm",
}
DEVICES = (2, 8, 64, 1_000)
MODEL = 50_000
"""Parameters of the planned network, about those of four layers of 128."""
TRAINED = "train_mlp4x128_b1024"
TRAINED_SAMPLES = 2_000 * 1_024
"""Of that row of the speed benchmarks."""


def page(record: dict[str, Any], speed: dict[str, Any] | None, images: Path) -> str:
    """Tables, the picture and the plan; what was not run is left out.

    Args:
        record: of `results_pages.read`.
        speed: that of the speed benchmarks, for the time of a training step.
        images: folder of pictures, ``../images`` of the page.
    """
    parts = [_same(record)]
    if results.values(record, "slope"):
        picture(record, speed, images / "scaling.svg")
        parts += [
            "## Cost against size\n",
            "Exponents of the time on one process, over the three largest sizes. The machine was shared; the",
            "least of several runs counts.\n",
            _slopes(record),
            "![Time against size, exchange against size, and the planned share](../images/scaling.svg)\n",
        ]
    if exchange(record) and speed:
        parts += [_plan(record, speed)]
    return "\n".join(parts)


def _same(record: dict[str, Any]) -> str:
    body = [
        [case, title, results.number(row["value"])]
        for metric, title in _SAME.items()
        for (case, _), row in results.values(record, metric).items()
    ]
    return "## What stays the same, and what survives\n\n" + results.table(["case", "", ""], body)


def _slopes(record: dict[str, Any]) -> str:
    rows = results.values(record, "slope")
    body = [
        [title, results.with_error(rows[kind, "noneq"])]
        for kind, title in KINDS.items()
        if (kind, "noneq") in rows
    ]
    return results.table(["time against the number of", "exponent"], body)


def exchange(record: dict[str, Any]) -> dict[int, float]:
    """Seconds of a mean over two processes, by how many numbers it is of."""
    rows = results.values(record, "exchange_seconds")
    return {int(case.split(":")[1]): row["value"] for (case, _), row in rows.items()}


def planned(record: dict[str, Any], devices: int, numbers: int = MODEL) -> float:
    """Seconds of a mean over so many devices, if each link is as slow as that between two processes here.

    **Equation**: T(D) = T(2, 1) log₂ D + 2 (D − 1)/D · s n, s the seconds of a number between two
    processes: halving and doubling (Thakur, Rabenseifner and Gropp 2005).
    """
    found = exchange(record)
    least, most = min(found), max(found)
    each = max(found[most] - found[least], 0.0) / most
    return found[least] * np.log2(devices) + 2 * (devices - 1) / devices * each * numbers


def step_seconds(speed: dict[str, Any]) -> float:
    """Seconds of training for one sample of a batch."""
    return results.values(speed, "seconds")[TRAINED, "noneq"]["value"] / TRAINED_SAMPLES


def _plan(record: dict[str, Any], speed: dict[str, Any]) -> str:
    each = step_seconds(speed)
    body = []
    for devices in DEVICES:
        seconds = planned(record, devices)
        batch = seconds / each
        body.append(
            [
                f"{devices:,}", f"{1e3 * seconds:.3g} ms", f"{batch:,.0f}",
                f"{devices * batch:.2g}", f"{1e9 / (devices * batch):,.0f}",
            ]
        )  # fmt: skip
    head = ["devices", "exchange", "batch of a device", "batch of all", "steps through 10⁹ samples"]
    text = [
        "## A plan for 10⁹ samples and 10³ devices\n",
        f"From the exchange between two processes of this host and {1e6 * each:.2g} µs of training for",
        "one sample (four layers of 128). The batch is that at which half of a step is exchange. **No",
        "row but that of the exchange of two was measured.**\n",
        results.table(head, body),
    ]
    drawn = results.values(record, "seconds")
    sizes = {int(c.split("=")[1]): r for (c, _), r in drawn.items() if c.startswith("samples=")}
    if sizes:
        most = max(sizes)
        rate = sizes[most]["value"] / most
        text += [
            f"Drawing takes {1e6 * rate:.2g} µs a sample here (32 steps of Heun, three layers of 64):",
            f"{1e9 * rate / 3600:.2g} hours for 10⁹ on one such process, and nothing is exchanged before",
            "the samples are collected.\n",
        ]
    return "\n".join(text)


def picture(record: dict[str, Any], speed: dict[str, Any] | None, path: Path) -> None:
    """Time against each size, the exchange, and the share of a step that a device computes."""
    from noneq.report.figures import canvas, svg

    seconds, slopes = results.values(record, "seconds"), results.values(record, "slope")
    with canvas(2, 3, size=(9.6, 5.6)) as (figure, grid):
        for axes, (kind, title) in zip(grid.ravel(), KINDS.items(), strict=False):
            line = sorted(
                (int(case.split("=")[1]), row["value"])
                for (case, _), row in seconds.items()
                if case.startswith(f"{kind}=")
            )
            if not line:
                continue
            x, y = np.asarray(line).T
            slope = slopes[kind, "noneq"]["value"]
            axes.loglog(x, y, "o", ms=5)
            fitted = np.exp(np.log(y[-3:]).mean()) * (x / np.exp(np.log(x[-3:]).mean())) ** slope
            axes.loglog(x[-3:], fitted[-3:], "-", lw=1, label=f"exponent {slope:.2f}")
            axes.set(title=title, xlabel=kind, ylabel="seconds")
            axes.legend(frameon=False)
        axes = grid[1, 1]
        if found := exchange(record):
            sizes = sorted(found)
            axes.loglog(sizes, [1e3 * found[n] for n in sizes], "o-", ms=5, lw=1)
        axes.set(title="mean over two processes, gloo", xlabel="numbers", ylabel="milliseconds")
        axes = grid[1, 2]
        if found and speed:
            devices = 2.0 ** np.arange(1, 11)
            cost = np.asarray([planned(record, d) for d in devices])
            for batch in (1_024, 16_384, 262_144):
                work = batch * step_seconds(speed)
                axes.semilogx(devices, work / (work + cost), label=f"{batch:,} samples a device")
            axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1.0, 0.86))
        axes.set(title="planned, not measured", xlabel="devices", ylabel="share of a step computed")
        axes.set_ylim(0, 1)
        path.write_bytes(svg(figure))
