#!/usr/bin/env bash
# Keras 3.15.1: ScheduleFreeAdamW never uses its average for evaluation, and with weight decay the average and the base sequence run off.
#
# Expected: as in the paper (Defazio et al. 2024) and the documentation: gradients are taken at y = 0.1 z + 0.9 x, and "x: the averaged
#   sequence used for evaluation" is what one evaluates and saves. Weight decay pulls z by the step size times y. Under warmup the average
#   weighs steps by their squared step size.
# Seen: without decay and warmup x, y and z are those of optax and of the formula. But 1. nothing ever puts x into the model: `fit`, `evaluate`
#   and `save` all have y, there is no method to get x, and the hook by which Keras finalizes weights after `fit` is not overridden.
#   On a noisy quadratic y's excess loss is 1.7 times x's. 2. With weight decay, y is shrunk before x is worked out from y and z: the whole
#   pull lands on x, z feels none, and z climbs for ever to hold y up: with decay 0.1 z is at 76 and x at -6 where both belong at 2, with
#   0.01 x is at 1.7 in the place of 2.8. The average is gone, without an error, and y hardly shows it. 3. Under warmup the
#   first small steps weigh as much as full ones.
# Why it matters: numbers for "schedule-free" from Keras are those of the noisy training sequence, and with the W of AdamW those of another
#   algorithm. Who restores x by the paper's formula, or carries z and y to another trainer, gets a broken model. Use
#   optax (JAX) or schedulefree (PyTorch), or no decay and no warmup, and restore x = (y - 0.1 z) / 0.9 by hand before evaluation.
# Docs or reports: the class's documentation says the words quoted above. Keras 22113, which added it, announces a switch between training
#   and evaluation; the release has none. No report of either found. schedulefree 1.4.1 with PyTorch 2.15 agrees with optax (seen apart).
# Versions: Keras 3.15.1 on JAX 0.10.2, optax 0.2.8, NumPy 2.4.6, Python 3.11. Seen on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 optax==0.2.8 numpy==2.4.6
cat > "$folder/see.py" <<'PY'
import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax

# Sixty-four weights with the loss (w - 3)^2 / 2 each, and noise on the gradients.
WEIGHTS, STEPS, RATE = 64, 8000, 0.05
noise = 5 * np.random.default_rng(0).standard_normal((STEPS, WEIGHTS))
inputs = jnp.asarray(noise, jnp.float32)


def formula(decay, warmup):
    x, v, total = np.zeros(WEIGHTS), np.zeros(WEIGHTS), 0.0
    y, z = x, x
    for t, n in enumerate(noise, 1):
        g = y - 3 + n
        v = 0.999 * v + 0.001 * g * g
        rate = RATE * min(1, t / warmup) if warmup else RATE
        z = z - rate * (g / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) + decay * y)
        total += rate**2
        x = x + rate**2 / total * (z - x)
        y = 0.1 * z + 0.9 * x
    return x, y, z


def of_optax(decay, warmup):
    optimizer = optax.contrib.schedule_free_adamw(RATE, warmup_steps=warmup or None, b1=0.9, b2=0.999, eps=1e-8, weight_decay=decay)

    def step(carry, n):
        y, state = carry
        change, state = optimizer.update(y - 3 + n, state, y)
        return (optax.apply_updates(y, change), state), None

    start = jnp.zeros(WEIGHTS)
    (y, state), _ = jax.jit(lambda c: jax.lax.scan(step, c, inputs))((start, optimizer.init(start)))
    return optax.contrib.schedule_free_eval_params(state, y), y, state.z


def of_keras(decay, warmup):
    variable = keras.Variable(np.zeros(WEIGHTS, np.float32))
    optimizer = keras.optimizers.ScheduleFreeAdamW(RATE, weight_decay=decay or None, warmup_steps=warmup)
    optimizer.build([variable])

    def step(carry, n):
        weights, state = carry
        return optimizer.stateless_apply(state, [weights[0] - 3 + n], weights), None

    start = [variable.value], [v.value for v in optimizer.variables]
    (weights, state), _ = jax.jit(lambda c: jax.lax.scan(step, c, inputs))(start)
    y = np.float64(weights[0])
    [z] = [np.float64(value) for v, value in zip(optimizer.variables, state) if "momentum" in v.path]
    return (y - 0.1 * z) / 0.9, y, z


for decay, warmup in [(0.0, 0), (0.01, 0), (0.1, 0), (0.0, 2000)]:
    exact = formula(decay, warmup)
    print(f"verdict decay {decay}, warmup {warmup}:")
    for name, run in ("optax", of_optax), ("Keras", of_keras):
        seen = [np.float64(part) for part in run(decay, warmup)]
        print("  ", name, *(f"{which} {part.mean():.2f} (by formula {true.mean():.2f})" for which, part, true in zip("xyz", seen, exact)))
        far = [which for which, part, true in zip("xyz", seen, exact) if np.abs(part - true).max() > 0.02]
        print(f"verdict   {name}: " + (f"{', '.join(far)} differ from the formula" if far else "x, y and z as by the formula"))
    x, y, z = [np.float64(part) for part in of_keras(decay, warmup)]
    if not decay and not warmup:
        excess = np.mean((y - 3) ** 2) / np.mean((x - 3) ** 2)
        print(f"   excess loss of y, which the model has, by that of x: {excess:.2f}")
        print(f"verdict   y's excess loss is more than 1.5 times x's: {excess > 1.5}")
    if decay == 0.1:
        print(f"verdict   z is beyond 50 and x below 0: {z.min() > 50 and x.max() < 0}")

# What a model has after `fit`: y, the sequence for training.
keras.utils.set_random_seed(0)
data = np.random.default_rng(1).standard_normal((256, 8)).astype(np.float32)
target = data.sum(1, keepdims=True) + 5 * np.random.default_rng(2).standard_normal((256, 1)).astype(np.float32)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
optimizer = keras.optimizers.ScheduleFreeAdamW(0.05)
model.compile(optimizer, loss="mse")
model.fit(data, target, batch_size=8, epochs=1, verbose=0)
numbers = keras.ops.convert_to_numpy
kernel, [z] = numbers(model.layers[0].kernel), [numbers(v) for v in optimizer.variables if "momentum" in v.path]
x = (kernel - 0.1 * z) / 0.9
print(f"   after fit, weights that the model has beside x: up to {np.abs(kernel - x).max():.3f} apart")
print(f"verdict after fit the model has x: {np.allclose(kernel, x, atol=1e-3)}")
own = [name for name in vars(keras.optimizers.ScheduleFreeAdamW) if not name.startswith("_")]
print(f"verdict methods of its own: {' '.join(sorted(own))}")
PY
"$folder/venv/bin/python" "$folder/see.py" > "$folder/seen"
sed 's/^verdict //' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict decay 0.0, warmup 0:
verdict   optax: x, y and z as by the formula
verdict   Keras: x, y and z as by the formula
verdict   y's excess loss is more than 1.5 times x's: True
verdict decay 0.01, warmup 0:
verdict   optax: x, y and z as by the formula
verdict   Keras: x, y, z differ from the formula
verdict decay 0.1, warmup 0:
verdict   optax: x, y and z as by the formula
verdict   Keras: x, y, z differ from the formula
verdict   z is beyond 50 and x below 0: True
verdict decay 0.0, warmup 2000:
verdict   optax: x, y and z as by the formula
verdict   Keras: x, y, z differ from the formula
verdict after fit the model has x: False
verdict methods of its own: build get_config update_step
SEEN
echo "as described: the model keeps the training sequence, and weight decay breaks the average"
