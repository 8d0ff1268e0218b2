#!/usr/bin/env bash
# jax-js 0.1.25: gradients are NaN where JAX has ordinary numbers: `power(x, 2)` at 0, sigmoid and silu below -89, elu and selu above 88.
#
# Expected: as in JAX. The derivative of x^2 at 0 is 0, a saturated sigmoid has the gradient 0, the elu of 100 has the gradient 1, and
#   softplus(100) is 100, log_sigmoid(-100) is -100. Their values are right (but for the last two), so their gradients are.
# Seen: `power` is exp(y log |x|), so its gradient has 1/0 times 0 at x = 0 for each exponent, 0^0 is NaN, and `polyval` at 0 and `prod`
#   with one zero follow. sigmoid, silu, elu, celu, selu and mish have right values for all numbers, and gradients of NaN once exp
#   overflows in the branch that is not taken. softplus is infinite from 89 on, log_sigmoid below -88. `square` is right. All
#   are the same under `jit`, and one NaN makes a whole model NaN.
# Why it matters: a penalty written as `power(w, 2)` gives NaN in the first step, since biases start at 0; a squared error, once one prediction
#   is exact or a row is padding. The activations wait for one pre-activation beyond 89, as with inputs that nobody has scaled, and a
#   loss that looks finite until the step before. Write `square(x)`, and clip what goes into an activation to -80 and 80.
# Docs: the compatibility table has power, sigmoid, silu, elu, selu, softplus as supported, with no remark; its tests know 0^0. No report found.
# Versions: @jax-js/jax 0.1.25 on its WebAssembly device, Node 20; JAX 0.10.2, Python 3.11. Seen on 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check jax==0.10.2
npm install --silent --no-audit --no-fund --prefix "$folder" @jax-js/jax@0.1.25
cat > "$folder/see.py" <<'PY'
import jax
import jax.numpy as jnp

say = lambda what, values: print(f"{what}: {' '.join(f'{float(v) + 0.0:.4g}' for v in jnp.atleast_1d(values))}")
slope = lambda f, *x: jax.grad(lambda x: f(x).sum())(jnp.array(x, jnp.float32))
for exponent in [1, 2, 3]:
    say(f"slope of power(x, {exponent}) at 0, 2", slope(lambda x: jnp.power(x, exponent), 0, 2))
say("slope of square(x) at 0, 2", slope(jnp.square, 0, 2))
say("slope of polyval([1, 0, 0], x) at 0, 2", slope(lambda x: jnp.polyval(jnp.array([1.0, 0, 0]), x), 0, 2))
say("slope of prod(x) at 0, 2", slope(jnp.prod, 0, 2))
say("power(0, 0)", jnp.power(jnp.array([0.0]), jnp.array([0.0])))
for name in ["sigmoid", "silu", "elu", "celu", "selu", "mish", "softplus", "log_sigmoid"]:
    f = getattr(jax.nn, name)
    say(f"{name} at -100, 100", f(jnp.array([-100.0, 100])))
    say(f"slope of {name} at -100, 100", slope(f, -100, 100))


def loss(model):  # one layer of silu, a bias of 0, and a penalty
    hidden = jax.nn.silu(jnp.array([255.0, 1]) * model["w"]) + model["b"]
    return jnp.square(hidden.sum() - 1) + 0.01 * (jnp.power(model["w"], 2).sum() + jnp.power(model["b"], 2).sum())


slopes = jax.grad(loss)({"w": jnp.array([-0.5, 0.5]), "b": jnp.zeros(2)})
say("slopes of a model", jnp.concatenate([slopes["w"], slopes["b"]]))
PY
cat > "$folder/see.mjs" <<'JS'
import { defaultDevice, grad, init, nn, numpy as np } from "@jax-js/jax";

await init("wasm");
defaultDevice("wasm");
const short = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value).replace("Infinity", "inf"));
const say = (what, values) => console.log(`${what}: ${values.js().map(short).join(" ")}`);
const slope = (f, ...x) => grad((x) => f(x).sum())(np.array(x));
for (const exponent of [1, 2, 3]) say(`slope of power(x, ${exponent}) at 0, 2`, slope((x) => np.power(x, exponent), 0, 2));
say("slope of square(x) at 0, 2", slope(np.square, 0, 2));
say("slope of polyval([1, 0, 0], x) at 0, 2", slope((x) => np.polyval(np.array([1, 0, 0]), x), 0, 2));
say("slope of prod(x) at 0, 2", slope((x) => np.prod(x), 0, 2));
say("power(0, 0)", np.power(np.array([0]), np.array([0])));
for (const name of ["sigmoid", "silu", "elu", "celu", "selu", "mish", "softplus", "logSigmoid"]) {
  const label = name === "logSigmoid" ? "log_sigmoid" : name;
  say(`${label} at -100, 100`, nn[name](np.array([-100, 100])));
  say(`slope of ${label} at -100, 100`, slope(nn[name], -100, 100));
}
const loss = ({ w, b }) => {
  const hidden = nn.silu(np.array([255, 1]).mul(w.ref)).add(b.ref);
  return np.square(hidden.sum().sub(1)).add(np.power(w, 2).sum().add(np.power(b, 2).sum()).mul(0.01));
};
const slopes = grad(loss)({ w: np.array([-0.5, 0.5]), b: np.zeros([2]) });
say("slopes of a model", np.concatenate([slopes.w, slopes.b]));
JS
"$folder/venv/bin/python" "$folder/see.py" > "$folder/jax"
(cd "$folder" && node see.mjs) > "$folder/jax-js"
awk -F ': ' 'NR == FNR { jax[$1] = $2; next } { print $1 ": " jax[$1] " in JAX, " $2 " in jax-js" }' "$folder/jax" "$folder/jax-js" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
slope of power(x, 1) at 0, 2: 1 1 in JAX, NaN 1 in jax-js
slope of power(x, 2) at 0, 2: 0 4 in JAX, NaN 4 in jax-js
slope of power(x, 3) at 0, 2: 0 12 in JAX, NaN 12 in jax-js
slope of square(x) at 0, 2: 0 4 in JAX, 0 4 in jax-js
slope of polyval([1, 0, 0], x) at 0, 2: 0 4 in JAX, NaN 4 in jax-js
slope of prod(x) at 0, 2: 2 0 in JAX, NaN 0 in jax-js
power(0, 0): 1 in JAX, NaN in jax-js
sigmoid at -100, 100: 0 1 in JAX, 0 1 in jax-js
slope of sigmoid at -100, 100: 0 0 in JAX, NaN 0 in jax-js
silu at -100, 100: 0 100 in JAX, 0 100 in jax-js
slope of silu at -100, 100: 0 1 in JAX, NaN 1 in jax-js
elu at -100, 100: -1 100 in JAX, -1 100 in jax-js
slope of elu at -100, 100: 0 1 in JAX, 0 NaN in jax-js
celu at -100, 100: -1 100 in JAX, -1 100 in jax-js
slope of celu at -100, 100: 0 1 in JAX, 0 NaN in jax-js
selu at -100, 100: -1.758 105.1 in JAX, -1.758 105.1 in jax-js
slope of selu at -100, 100: 0 1.051 in JAX, 0 NaN in jax-js
mish at -100, 100: 0 100 in JAX, 0 100 in jax-js
slope of mish at -100, 100: 0 1 in JAX, 0 NaN in jax-js
softplus at -100, 100: 0 100 in JAX, 0 inf in jax-js
slope of softplus at -100, 100: 0 1 in JAX, 0 NaN in jax-js
log_sigmoid at -100, 100: -100 0 in JAX, -inf 0 in jax-js
slope of log_sigmoid at -100, 100: 1 0 in JAX, NaN 0 in jax-js
slopes of a model: -0.01 -1.009 -1.378 -1.378 in JAX, NaN -1.009 NaN NaN in jax-js
SEEN
echo "As seen on 2026-11-30."
