"""Every network: sizes, jit, gradients, refusals, and the symmetries it promises."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import ScoreMatching
from noneq.nets import MLP, Label, PatchMLP, ResNet, SetNet, UNet, learnable
from noneq.nets.grids.patches import from_patches, to_patches
from noneq.nets.inputs import clock_of
from noneq.spec import from_toml, override, to_toml


# Recipe, a state it takes, one it refuses.
NETS = {
    "mlp": (MLP(16, 2), (6,), None),
    "resnet": (ResNet(16, 2, fourier=2), (6,), None),
    "line": (UNet(4, levels=1, groups=2), (2, 6), (6,)),
    "plane": (UNet(4, levels=1, groups=2, padding="zero"), (1, 4, 6), (4,)),
    "space": (UNet(4, levels=1, groups=2), (1, 2, 2, 4), (1, 2, 2, 2, 2)),
    "patches": (PatchMLP(2, 16, 1), (2, 4, 6), (6,)),
    "slices": (PatchMLP(3, 16, 1), (1, 6), (1, 2, 2, 2, 2)),
    "attention": (SetNet(16, 1, heads=2), (5, 2), (5,)),
    "mean": (SetNet(16, 1, heads=0), (5, 2), (1, 5, 2)),
}
LABEL = Label((0.0, 0.0), (1.0, 1.0), ((), (0, 1, 2)))
CLOCK = clock_of(summarise(nq.Snapshots.from_frames([np.eye(2), 1 + np.eye(2)], [0.0, 2.0])), 1.0)
TOLD = {
    "nothing": (False, None, None),
    "noise": (True, None, None),
    "all": (True, CLOCK, LABEL),
}


@pytest.fixture(params=NETS)
def case(request):
    return NETS[request.param]


def built(recipe, shape, outputs=None, told="all", seed=0):
    noise, clock, label = TOLD[told]
    size = int(np.prod(shape))
    net = recipe.init(
        shape, outputs or size, noise=noise, clock=clock, label=label, key=jax.random.key(seed)
    )
    # Biases begin at zero; a symmetry has to hold for any.
    free, fixed = eqx.partition(net, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(free)
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    moved = [a + 0.05 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(tree, moved), fixed)


WORDS = (jnp.asarray(0.3), jnp.asarray(1.2), jnp.asarray([0.5, 2.0]))


@eqx.filter_jit
def compiled(net, x):
    return net(x, *WORDS)


@eqx.filter_jit
def with_slope(net, x, words):
    loss = lambda net: (jnp.sum(net(x, *words) ** 2), net(x, *words))
    return eqx.filter_grad(loss, has_aux=True)(net)


@pytest.mark.parametrize("told", TOLD)
def test_sizes(case, told):
    recipe, shape, _ = case
    size = int(np.prod(shape))
    for outputs in (1, size, 2 * size):
        net = eqx.filter_eval_shape(built, recipe, shape, outputs, told)
        out = eqx.filter_eval_shape(net, jnp.zeros(size), *WORDS)
        assert out.shape == (outputs,)


@pytest.mark.sweep(2)
def test_every_word_and_every_weight_counts(case, key):
    recipe, shape, _ = case
    net = built(recipe, shape)
    x = jax.random.normal(key, (int(np.prod(shape)),))
    slope, base = with_slope(net, x, WORDS)
    leaves = jax.tree.leaves(eqx.filter(slope, learnable(net)))
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in leaves)
    for i, other in enumerate([jnp.asarray(0.9), jnp.asarray(0.1), jnp.asarray([0.5, 1.0])]):
        changed = [*WORDS]
        changed[i] = other
        _, out = with_slope(net, x, tuple(changed))
        assert float(jnp.abs(out - base).max()) > 1e-3


@pytest.mark.parametrize("name", ["resnet", "line", "attention"])
def test_jit_changes_nothing(name, key):
    recipe, shape, _ = NETS[name]
    net = built(recipe, shape)
    x = jax.random.normal(key, (int(np.prod(shape)),))
    np.testing.assert_allclose(compiled(net, x), net(x, *WORDS), atol=2e-5)


def test_wrong_states_are_refused(case, key):
    recipe, _, wrong = case
    if wrong is None:
        return
    with pytest.raises(InvalidInput, match=type(recipe).__name__):
        recipe.init(wrong, 4, noise=True, clock=None, label=None, key=key)


def test_toml_and_settings(case):
    recipe = case[0]
    assert from_toml(to_toml(recipe)) == recipe
    name = type(recipe).__name__
    field = dataclasses.fields(recipe)[0].name
    method = override(ScoreMatching(), {"net": name, f"net.{field}": "32"})
    assert isinstance(method.net, type(recipe))
    assert getattr(method.net, field) == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResNet(width=0), "width"),
        (lambda: ResNet(fourier=-1), "fourier"),
        (lambda: UNet(channels=12), "groups = 8 does not divide"),
        (lambda: UNet(levels=-1), "levels"),
        (lambda: UNet(padding="reflect"), "'circular' or 'zero'"),
        (lambda: PatchMLP(patch=0), "patch"),
        (lambda: SetNet(width=30), "heads = 4 does not divide"),
        (lambda: SetNet(blocks=0), "blocks"),
    ],
)
def test_bad_sizes_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_grids_that_cannot_be_halved_are_told_what_to_set(key):
    with pytest.raises(InvalidInput, match="levels = 1"):
        UNet().init((1, 6, 8), 48, noise=True, clock=None, label=None, key=key)


def shifted(x, shape, by):
    return jnp.roll(x.reshape(shape), by, tuple(range(1, len(shape)))).ravel()


@pytest.mark.sweep(1)
@pytest.mark.parametrize("shape", [(2, 12), (1, 8, 12)])
def test_circular_grids_have_no_origin(shape, key):
    by = (4,) * (len(shape) - 1)
    x = jax.random.normal(key, (int(np.prod(shape)),))
    gaps = {}
    for padding in ("circular", "zero"):
        net = built(UNet(8, levels=2, groups=4, padding=padding), shape)
        out = compiled(net, x)
        gap = compiled(net, shifted(x, shape, by)) - shifted(out, shape, by)
        gaps[padding] = float(jnp.abs(gap).max() / out.std())
    assert gaps["circular"] < 1e-4
    assert gaps["zero"] > 1e-2


def test_a_sum_over_sites_does_not_see_a_shift(key):
    shape = (1, 4, 8)
    net = built(UNet(4, levels=1, groups=2), shape, outputs=1)
    x = jax.random.normal(key, (32,))
    np.testing.assert_allclose(
        compiled(net, shifted(x, shape, (2, 4))), compiled(net, x), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("heads", [0, 2])
def test_particles_are_interchangeable(heads, key):
    net = built(SetNet(16, 2, heads=heads), (7, 2))
    energy = built(SetNet(16, 2, heads=heads), (7, 2), outputs=1)
    x = jax.random.normal(key, (7, 2))
    order = jnp.asarray([3, 0, 6, 1, 5, 4, 2])
    out = compiled(net, x.ravel()).reshape(7, 2)
    np.testing.assert_allclose(compiled(net, x[order].ravel()).reshape(7, 2), out[order], atol=1e-5)
    np.testing.assert_allclose(
        compiled(energy, x[order].ravel()), compiled(energy, x.ravel()), rtol=1e-5, atol=1e-5
    )
    # The broken twin: a network that knows its particles by number.
    numbered = built(MLP(16, 2), (7, 2))
    out = compiled(numbered, x.ravel()).reshape(7, 2)
    gap = compiled(numbered, x[order].ravel()).reshape(7, 2) - out[order]
    assert float(jnp.abs(gap).max()) > 1e-3


def test_centred_particles_do_not_see_where_they_are(key):
    x = jax.random.normal(key, (5, 2))
    for centred in (True, False):
        net = built(SetNet(16, 1, heads=2, centred=centred), (5, 2))
        gap = compiled(net, (x + jnp.asarray([1.0, -2.0])).ravel()) - compiled(net, x.ravel())
        assert (float(jnp.abs(gap).max()) < 1e-4) == centred


def two_clusters(n, rng):
    """Half of six particles near +c, half near −c in random order; c is random in the plane."""
    angle = rng.uniform(0, 2 * np.pi, n)
    centre = 2 * np.stack([np.cos(angle), np.sin(angle)], -1)
    sign = rng.permuted(np.tile([1.0, 1, 1, -1, -1, -1], (n, 1)), axis=1)
    return sign[..., None] * centre[:, None] + 0.1 * rng.normal(size=(n, 6, 2))


@pytest.mark.slow
def test_particles_tell_two_clusters_apart(rng, key):
    """Which cluster a noisy particle belongs to is told by the others alone."""
    data = nq.Snapshots(two_clusters(4000, rng).astype(np.float32))
    method = ScoreMatching(
        net=SetNet(32, 2), training=Training(steps=400, batch=128, rate=3e-3, ema=0.99)
    )
    x = np.asarray(method.fit(data, key=key).model.sample(200, key=key))
    # The mean of all is near 0 (three on either side), and |x| near 2: alone neither is seen
    # by a network that looks at each particle by itself.
    assert np.abs(x.mean(1)).mean() < 0.35
    centre = x / np.linalg.norm(x, axis=-1, keepdims=True)
    aligned = np.abs(np.einsum("nid,njd->nij", centre, centre)).mean()
    assert aligned > 0.9


@pytest.mark.parametrize(("shape", "patch"), [((2, 6), 3), ((3, 4, 6), 2), ((1, 4, 2, 6), 2)])
def test_patches_hold_neighbours_and_are_put_back(shape, patch):
    x = jnp.arange(np.prod(shape), dtype=float).reshape(shape)
    cut = to_patches(x, patch)
    assert cut.shape == (
        x[0].size // patch ** (len(shape) - 1),
        shape[0] * patch ** (len(shape) - 1),
    )
    np.testing.assert_array_equal(from_patches(cut, shape[1:], patch), x)
    corner = x[(slice(None), *(slice(patch),) * (len(shape) - 1))]
    np.testing.assert_array_equal(cut[0], corner.ravel())
    with pytest.raises(InvalidInput, match="do not fill"):
        PatchMLP(5).init(shape, 1, noise=False, clock=None, label=None, key=jax.random.key(0))
