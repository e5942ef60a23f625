"""Pictures of a Markov chain of hidden states: its currents, its main loop, its spectrum."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Complex

from noneq.errors import InvalidInput
from noneq.report.figures import canvas, png, svg
from noneq.report.html import Picture
from noneq.thermo import (
    Cycle,
    dominant_cycle,
    relaxation_spectrum,
    stationary,
)
from noneq.thermo.chains import chain_currents, chain_entropy_production
from noneq.traits import HasChain, HasStateMeans


_LOOP, _OTHER, _STATE = "#d55e00", "#57606a", "#56b4e9"
_MOST_ARROWS, _FAINTEST = 150, 0.02
_MOST_NUMBERED = 60
_ACROSS, _MOST_FRAMES = 12, 36


def model_pictures(model: Any) -> list[Picture]:
    """`chain_pictures` of a model with the trait `HasChain`; none of one without.

    Raises:
        InvalidInput: a reducible chain.
    """
    if not isinstance(model, HasChain):
        return []
    means = model.state_means() if isinstance(model, HasStateMeans) else None
    return chain_pictures(model.transition_matrix(), means)


def chain_pictures(
    chain: Any, means: Any = None, *, title: str = "", kind: str = "hidden",
    names: Sequence[str] = (),
) -> list[Picture]:  # fmt: skip
    """Graph of the currents, film strip of the dominant loop, and spectrum, with their captions.

    Args:
        chain: transition or rate matrix ``(H, H)``, or a model with the trait `HasChain`.
        means: what each hidden state looks like, ``(H, *event_shape)``; None leaves the strip out.
        title: what chain it is, put before each heading.
        kind: of states, put before the word.
        names: of the states, in place of numbers.

    Raises:
        InvalidInput: no chain, a reducible one (its closed classes are named), or means for
            another number of states.
    """
    before = f"{title}: " if title else ""
    cycle = dominant_cycle(chain)
    pictures = [_graph_picture(chain, cycle, before, kind, names), _spectrum_picture(chain, before)]
    if means is not None:
        pictures.insert(1, _strip_picture(chain, cycle, np.asarray(means), before))
    return pictures


def latent_graph(chain: Any, names: Sequence[str] = ()) -> bytes:
    """The states on a circle in the order of the dominant loop; net currents as arrows (SVG).

    Areas are stationary weights, widths of arrows net currents; the dominant loop is orange. Arrows
    below 2 % of the largest current, or beyond 150, are left out.

    Raises:
        InvalidInput: as `chain_pictures`.
    """
    from matplotlib.patches import FancyArrowPatch

    cycle, law, net = dominant_cycle(chain), stationary(chain), chain_currents(chain)
    net = net if cycle else np.zeros_like(net)
    place = _places(circle_order(chain), len(cycle.states) if cycle else len(law))
    size = min(2400.0, (800 / len(law)) ** 2) * law / law.max() + 6
    loop = _steps(cycle)
    with canvas(size=(6.0, 6.0)) as (figure, axes):
        for i, j in [*(p for p in _drawn(net) if p not in loop), *loop]:
            share, mine = net[i, j] / net.max(), (i, j) in loop
            axes.add_patch(
                FancyArrowPatch(
                    place[i],
                    place[j],
                    arrowstyle="-|>",
                    connectionstyle="arc3,rad=0.12",
                    shrinkA=np.sqrt(size[i] / np.pi) + 1,
                    shrinkB=np.sqrt(size[j] / np.pi) + 1,
                    mutation_scale=7 + 9 * share,
                    linewidth=0.3 + 4.2 * share,
                    color=_LOOP if mine else _OTHER,
                    alpha=0.95 if mine else 0.2 + 0.5 * share,
                    zorder=2 if mine else 1,
                )  # fmt: skip
            )
        axes.scatter(*place.T, s=size, color=_STATE, edgecolor="white", linewidth=0.8, zorder=3)
        numbered = range(len(law)) if len(law) <= _MOST_NUMBERED else [i for i, _ in loop]
        for state in numbered:
            x, y = 1.17 * place[state]
            label = names[state] if names else str(state)
            axes.text(x, y, label, ha="center", va="center", fontsize=8.5, zorder=4)
        axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
        axes.axis("off")
        return svg(figure)


def film_strip(images: Any, order: Any, *, weights: Any = None) -> bytes:
    """Images of states, one after the other in the order of a walk (PNG).

    Args:
        images: ``(H, h, w)``, also with one channel first or last; vectors ``(H, dim)`` are drawn as
            squares if dim is a square number above 4, else as bars.
        order: states to show; at most 36 of them, evenly chosen from longer walks.
        weights: stationary weight of each state, written below; None leaves it out.

    Raises:
        InvalidInput: states that are not there, none, or images of another shape.
    """
    stack, order = _as_images(np.asarray(images, np.float64)), np.asarray(order)
    if order.ndim != 1 or not order.size or order.min() < 0 or order.max() >= len(stack):
        raise InvalidInput(
            f"film_strip: order {order}; expected states from 0 to {len(stack) - 1}."
        )
    if order.size > _MOST_FRAMES:
        order = order[np.linspace(0, order.size - 1, _MOST_FRAMES).round().astype(int)]
    across = min(_ACROSS, order.size)
    rows = -(-order.size // across)
    low, high = float(stack.min()), float(stack.max())
    with canvas(rows, across, size=(0.85 * across + 0.3, 1.2 * rows), squeeze=False) as (
        figure,
        grid,
    ):
        for axis in grid.flat[order.size :]:
            axis.axis("off")
        for axis, state in zip(grid.flat, order.tolist(), strict=False):
            if stack.ndim == 3:
                axis.imshow(stack[state], cmap="gray_r", vmin=low, vmax=high)
            else:
                axis.bar(np.arange(stack.shape[1]), stack[state], color=_STATE)
                margin = 0.05 * (high - low or 1.0)
                axis.set_ylim(min(low, 0.0) - margin, max(high, 0.0) + margin)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set(visible=True, color="#8c959f")
            axis.set_title(f"{state} →", fontsize=8.5, loc="center", fontweight="normal")
            if weights is not None:
                axis.set_xlabel(f"{100 * weights[state]:.2g} %", fontsize=7.5)
        return png(figure, 130)


def spectrum(chain: Any) -> bytes:
    """The eigenvalues in the complex plane; for steps inside the unit circle (SVG).

    Raises:
        InvalidInput: as `chain_pictures`.
    """
    values = relaxation_spectrum(chain)
    with canvas(size=(4.6, 4.6)) as (figure, axes):
        if values[0] == 1:
            turn = np.linspace(0, 2 * np.pi, 400)
            axes.plot(np.cos(turn), np.sin(turn), color=_OTHER, lw=0.9, label="unit circle")
            axes.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
            axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["−1", "−½", "0", "½", "1"])
            axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["−1", "−½", "0", "½", "1"])
        axes.axhline(0, color="#d0d7de", lw=0.8, zorder=0)
        axes.axvline(0, color="#d0d7de", lw=0.8, zorder=0)
        turning = _turning(values)
        axes.plot(*_plane(values[~turning]), "o", color="#0072b2", ms=5, label="real: relaxation")
        if turning.any():
            axes.plot(*_plane(values[turning]), "D", color=_LOOP, ms=5, label="pair: oscillation")
        axes.set(xlabel="Re λ", ylabel="Im λ", aspect="equal" if values[0] == 1 else "auto")
        figure.legend(loc="outside upper center", ncols=3)
        return svg(figure)


def circle_order(chain: Any) -> list[int]:
    """All states: the dominant loop first, then always where most net current leads.

    Raises:
        InvalidInput: as `chain_pictures`.
    """
    cycle, law, net = dominant_cycle(chain), stationary(chain), chain_currents(chain)
    order = list(cycle.states) if cycle else [int(np.argmax(law))]
    left = np.ones(len(law), bool)
    left[order] = False
    while left.any():
        order.append(int(np.argmax(np.where(left, net[order[-1]], -np.inf))))
        left[order[-1]] = False
    return order


def _places(order: list[int], loop: int) -> np.ndarray:
    """Points of the circle, clockwise from the top; the loop takes at least half of it."""
    rest = len(order) - loop
    width = np.r_[np.full(loop, max(1.0, rest / loop)), np.ones(rest)]
    turn = np.cumsum(width) - width
    angle = np.empty(len(order))
    angle[order] = np.pi / 2 - 2 * np.pi * turn / width.sum()
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _drawn(net: np.ndarray) -> list[tuple[int, int]]:
    """Pairs with the largest net currents, weakest first; none in equilibrium."""
    pairs = np.argwhere((net > 0) & (net >= _FAINTEST * net.max()))
    order = np.argsort(net[pairs[:, 0], pairs[:, 1]], kind="stable")[-_MOST_ARROWS:]
    return [(i, j) for i, j in pairs[order].tolist()]


def _steps(cycle: Cycle | None) -> list[tuple[int, int]]:
    states = cycle.states if cycle else ()
    return list(zip(states, (*states[1:], *states[:1]), strict=True))


def _as_images(images: np.ndarray) -> np.ndarray:
    """``(H, h, w)`` or, for vectors, ``(H, dim)``."""
    if images.ndim == 4 and 1 in (images.shape[1], images.shape[-1]):
        return images[:, 0] if images.shape[1] == 1 else images[..., 0]
    if images.ndim == 2:
        side = round(np.sqrt(images.shape[1]))
        square = side > 2 and side**2 == images.shape[1]
        return images.reshape(-1, side, side) if square else images
    if images.ndim != 3:
        raise InvalidInput(
            f"film_strip: images of shape {images.shape}; expected (H, h, w), (H, 1, h, w), "
            "(H, h, w, 1) or (H, dim)."
        )
    return images


def _turning(values: Complex[np.ndarray, " states"]) -> np.ndarray:
    return np.abs(np.imag(values)) > 1e-6 * np.abs(values).max()


def _plane(values: Complex[np.ndarray, " states"]) -> tuple[np.ndarray, np.ndarray]:
    return np.real(values), np.imag(values)


def _graph_picture(
    chain: Any, cycle: Cycle | None, before: str, kind: str, names: Sequence[str] = ()
) -> Picture:
    states = f"{kind} states".lstrip()
    production = chain_entropy_production(chain)
    unit = "per step" if relaxation_spectrum(chain)[0] == 1 else "per unit time"
    found = (
        "No net current stands out: detailed balance."
        if cycle is None
        else f"The orange loop of {len(cycle.states)} states is the one whose weakest net current "
        f"is largest; it carries {cycle.current:.3g} {unit} with an affinity of "
        f"{cycle.affinity:.3g} nats."
    )
    return Picture(
        f"{before}Currents between {states}.",
        f"Area: stationary weight. Width of arrows: net current. {found} Entropy production: "
        f"{production:.4g} nats {unit}.",
        f"Graph of the {states} on a circle, with arrows for the net currents between them.",
        latent_graph(chain, names),
    )


def _strip_picture(chain: Any, cycle: Cycle | None, means: np.ndarray, before: str) -> Picture:
    law = stationary(chain)
    if len(means) != len(law):
        raise InvalidInput(f"means of {len(means)} states for a chain of {len(law)}.")
    order = np.argsort(-law, kind="stable") if cycle is None else np.asarray(cycle.states)
    heading = "The hidden states" if cycle is None else "The dominant loop, walked once"
    walk = "by falling weight" if cycle is None else "in the order of the loop, from its busiest"
    few = f" {_MOST_FRAMES} of {order.size} are shown." if order.size > _MOST_FRAMES else ""
    return Picture(
        f"{before}{heading}.",
        f"Mean visible state of each hidden state {walk}; number above, stationary weight below."
        + few,
        "Film strip of decoded hidden states.",
        film_strip(means, order, weights=law),
    )


def _spectrum_picture(chain: Any, before: str) -> Picture:
    values = relaxation_spectrum(chain)
    steps = values[0] == 1
    slow = values[1:2]
    text = ""
    if slow.size and steps and 0 < abs(slow[0]) < 1:
        text = f" The slowest mode falls to 1/e in {-1 / np.log(abs(slow[0])):.3g} steps"
        pair = _turning(values)[1]
        text += f" and turns once in {2 * np.pi / abs(np.angle(slow[0])):.3g}." if pair else "."
    return Picture(
        f"{before}Relaxation spectrum.",
        f"Eigenvalues of the {'transition' if steps else 'rate'} matrix. Pairs off the real axis "
        f"are damped oscillations, which detailed balance forbids.{text}",
        "Eigenvalues of the chain in the complex plane.",
        spectrum(chain),
    )
