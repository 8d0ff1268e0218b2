// One training step of a causal learner in jax-js: forward, backward, clipping, Adam, all in one jit; the formulas of
// shaders/src/model/spec.rs. An array that is used once more is passed as `.ref`.
import { check, oneHot, rate } from "./case.js";

const BETA_1 = 0.9;

export class Learner {
  constructor(jax, { spec, tensors, batches }, { plain }) {
    check(spec);
    Object.assign(this, { jax, np: jax.numpy, spec, batches, taken: 0 });
    const { np } = this;
    const t = spec.tokens;
    this.seen = np.tri(t, t, 0, { dtype: np.bool });
    const each = (make) => Object.fromEntries(tensors.map((tensor) => [tensor.name, make(tensor)]));
    if (plain) {
      this.state = [
        each(({ shape, values }) => np.array(values).reshape(shape)),
        ...[0, 1].map(() => each(({ shape }) => np.zeros(shape))),
      ];
    } else {
      const size = tensors.reduce((sum, { values }) => sum + values.length, 0);
      const all = new Float32Array(size);
      let at = 0;
      this.places = tensors.map(({ name, shape, values }) => {
        all.set(values, at);
        at += values.length;
        return { name, shape, range: [at - values.length, at] };
      });
      this.state = [np.array(all), np.zeros([size]), np.zeros([size])];
    }
    this.compiled = jax.jit((...all) => (plain ? this.plainStep(...all) : this.flatStep(...all)));
  }

  /** A step of Adam by `scale` times a gradient. */
  adam(w, g, m, v, { scale, rate, unbias1, unbias2 }) {
    const { np, spec } = this;
    const scaled = g.mul(scale);
    m = m.mul(BETA_1).add(scaled.ref.mul(1 - BETA_1));
    v = v.mul(spec.beta2).add(np.square(scaled).mul(1 - spec.beta2));
    const move = m.ref.mul(unbias1).div(np.sqrt(v.ref.mul(unbias2)).add(spec.epsilon));
    return [w.sub(move.mul(rate)), m, v];
  }

  scale(squares) {
    return this.np.minimum(this.np.reciprocal(this.np.sqrt(squares).add(1e-9)).mul(this.spec.clip), 1);
  }

  /** With weights and moments in one array each, which spares a kernel for each tensor. */
  flatStep([w, m, v], x, previous, target, rate, unbias1, unbias2) {
    const { np } = this;
    const tree = Object.fromEntries(this.places.map(({ name, shape, range }) => [name, w.ref.slice(range).reshape(shape)]));
    const loss = (p, ...batch) => this.loss(p, ...batch);
    const [value, gradients] = this.jax.valueAndGrad(loss)(tree, x, previous, target);
    const g = np.concatenate(this.places.map(({ name }) => gradients[name].reshape([-1])));
    const scale = this.scale(np.square(g.ref).sum());
    return [value, this.adam(w, g, m, v, { scale, rate, unbias1, unbias2 })];
  }

  /** With a tree of weights, as its examples have it. */
  plainStep([w, m, v], x, previous, target, rate, unbias1, unbias2) {
    const { np } = this;
    const loss = (p, ...batch) => this.loss(p, ...batch);
    const [value, g] = this.jax.valueAndGrad(loss)(this.jax.tree.ref(w), x, previous, target);
    const names = Object.keys(w);
    const scale = this.scale(names.map((name) => np.square(g[name].ref).sum()).reduce((a, b) => a.add(b)));
    const next = [{}, {}, {}];
    for (const name of names) {
      const shared = { scale: scale.ref, rate: rate.ref, unbias1: unbias1.ref, unbias2: unbias2.ref };
      this.adam(w[name], g[name], m[name], v[name], shared).forEach((array, at) => (next[at][name] = array));
    }
    for (const array of [scale, rate, unbias1, unbias2]) array.dispose();
    return [value, next];
  }

  norm(x, gamma, beta) {
    const { np } = this;
    const centred = x.ref.sub(x.mean(-1, { keepdims: true }));
    const variance = np.square(centred.ref).mean(-1, { keepdims: true });
    return centred.mul(np.reciprocal(np.sqrt(variance.add(1e-5)))).mul(gamma).add(beta);
  }

  /** Mean cross-entropy; inputs `[B·T, X]`, labels as rows of 0 and 1. */
  loss(p, inputs, previous, target) {
    const { np } = this;
    const { nn } = this.jax;
    const { layers, key_size: k } = this.spec.model;
    const t = this.spec.tokens;
    const rows = inputs.shape[0];
    const b = rows / t;
    const linear = (z, name) => np.dot(z, p[`${name}.weight`]).add(p[`${name}.bias`]);
    const norm = (z, name) => this.norm(z, p[`${name}.gamma`], p[`${name}.beta`]);
    const unit = (z) => z.ref.mul(np.reciprocal(np.sqrt(np.square(z).sum(-1, { keepdims: true }).add(1e-6))));
    let state = np.dot(inputs, p["embed.input.weight"]).add(p["embed.bias"]);
    state = state.add(np.dot(previous, p["embed.label.weight"]));
    for (let l = 0; l < layers; l += 1) {
      const at = (name) => `layer.${l}.${name}`;
      const z = norm(state.ref, at("norm1"));
      const [q, key] = ["query", "key"].map((name) => linear(z.ref, at(name)).reshape([b, t, k]));
      const v = linear(z, at("value")).reshape([b, t, k]);
      const shifted = np.pad(key.slice([], [0, t - 1], []), [[0, 0], [1, 0], [0, 0]]);
      const products = np.einsum("bik,bjk->bij", unit(q).mul(np.exp(p[at("temperature")])), unit(shifted));
      const weights = nn.softmax(np.where(this.seen.ref, products, -1e9));
      state = state.add(linear(np.einsum("bij,bjk->bik", weights, v).reshape([rows, k]), at("output")));
      const up = linear(norm(state.ref, at("norm2")), at("mlp.up"));
      state = state.add(linear(nn.gelu(up, { approximate: false }), at("mlp.down")));
    }
    const log = nn.logSoftmax(linear(norm(state, "norm"), "readout"));
    return log.mul(target).sum().mul(-1 / rows);
  }

  step(i) {
    const { np, spec } = this;
    const { inputs, labels } = this.batches[i];
    const { classes } = spec.model;
    const rows = (values) => np.array(values).reshape([labels.length, values.length / labels.length]);
    const batch = [inputs, oneHot(labels, classes, spec.tokens), oneHot(labels, classes)].map(rows);
    const numbers = [rate(spec, this.taken)];
    this.taken += 1;
    numbers.push(...[BETA_1, spec.beta2].map((beta) => 1 / (1 - beta ** this.taken)));
    const [value, state] = this.compiled(this.state, ...batch, ...numbers.map((number) => np.array(number)));
    this.state = state;
    return value;
  }

  /** Its own training loop waits for each step. */
  wait() {
    return this.jax.blockUntilReady(this.state);
  }

  value(made) {
    return made.ref.jsAsync();
  }

  release(made) {
    made.dispose();
  }

  /** Shares of a step's time: products of matrices, other kernels, and what is around them. On threads and GPUs kernels end
   * after they are counted, so that there is nothing to tell. */
  async shares(i) {
    if (this.jax.defaultDevice() !== "wasm" || typeof SharedArrayBuffer !== "undefined") return [];
    performance.clearMeasures();
    this.jax.profiler.startTrace();
    const start = performance.now();
    const made = this.step(i);
    await this.wait(made);
    const all = performance.now() - start;
    this.release(made);
    this.jax.profiler.stopTrace();
    let [products, others] = [0, 0];
    for (const { duration, detail } of performance.getEntriesByType("measure")) {
      const told = Object.fromEntries(detail?.devtools?.properties ?? []);
      // a sum over the product of two arrays, each read in its own order
      const product = told.reduction?.startsWith("Add") && /^\(GV_0\S+\[[^\]]*\] \* GV_1[^*]*\[[^\]]*\]\)$/.test(told.exp);
      if (product) products += duration;
      else others += duration;
    }
    return [
      ["products of matrices", products / all],
      ["other kernels", others / all],
      ["between kernels", Math.max(0, all - products - others) / all],
    ];
  }
}
