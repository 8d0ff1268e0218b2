// One training step of a causal learner in TensorFlow.js: forward, backward, clipping, Adam; the formulas of
// shaders/src/model/spec.rs. Everything is in one tidy(), and nothing is read back.
import { check, oneHot, rate } from "./case.js";

/** Products of matrices, with and without a bias, whose gradients are products of matrices that were transposed before: the
 * WebAssembly backend hands to XNNPACK only those that have nothing left to transpose. */
function products(tf) {
  const backward = (dy, [a, b]) => [tf.matMul(dy, tf.transpose(b)), tf.matMul(tf.transpose(a), dy)];
  return {
    product: tf.customGrad((a, b, save) => {
      save([a, b]);
      return { value: tf.matMul(a, b), gradFunc: backward };
    }),
    linear: tf.customGrad((a, b, bias, save) => {
      save([a, b]);
      return { value: tf.fused.matMul({ a, b, bias }), gradFunc: (dy, saved) => [...backward(dy, saved), tf.sum(dy, 0)] };
    }),
  };
}

/** The same as the documentation has it, with the library's own gradients. */
const plainProducts = (tf) => ({
  product: (a, b) => tf.matMul(a, b),
  linear: (a, b, bias) => tf.fused.matMul({ a, b, bias }),
});

export class Learner {
  constructor(tf, { spec, tensors, batches }, { plain }) {
    check(spec);
    Object.assign(this, { tf, spec, batches, taken: 0 }, plain ? plainProducts(tf) : products(tf));
    this.p = {};
    for (const { name, shape, values } of tensors) this.p[name] = tf.variable(tf.tensor(values, shape), true, name);
    this.adam = tf.train.adam(0, 0.9, spec.beta2, spec.epsilon);
    const t = spec.tokens;
    const unseen = new Float32Array(t * t);
    for (let i = 0; i < t; i += 1) unseen.fill(-1e9, i * t + i + 1, (i + 1) * t);
    this.unseen = tf.tensor(unseen, [1, t, t]);
  }

  norm(x, name) {
    const { tf, p } = this;
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const deviation = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5));
    return tf.add(tf.mul(tf.mul(centred, deviation), p[`${name}.gamma`]), p[`${name}.beta`]);
  }

  /** Mean cross-entropy; inputs `[B·T, X]`, labels as rows of 0 and 1. */
  loss(inputs, previous, target) {
    const { tf, p } = this;
    const { layers, key_size: k } = this.spec.model;
    const t = this.spec.tokens;
    const b = inputs.shape[0] / t;
    const linear = (z, name) => this.linear(z, p[`${name}.weight`], p[`${name}.bias`]);
    const unit = (z) => tf.mul(z, tf.rsqrt(tf.add(tf.sum(tf.square(z), -1, true), 1e-6)));
    let state = this.linear(inputs, p["embed.input.weight"], p["embed.bias"]);
    state = tf.add(state, this.product(previous, p["embed.label.weight"]));
    for (let l = 0; l < layers; l += 1) {
      const at = (name) => `layer.${l}.${name}`;
      let z = this.norm(state, at("norm1"));
      const [q, key, v] = ["query", "key", "value"].map((name) => tf.reshape(linear(z, at(name)), [b, t, k]));
      const shifted = tf.pad(tf.slice(key, [0, 0, 0], [b, t - 1, k]), [[0, 0], [1, 0], [0, 0]]);
      const logits = tf.matMul(tf.mul(unit(q), tf.exp(p[at("temperature")])), unit(shifted), false, true);
      const mixed = tf.matMul(tf.softmax(tf.add(logits, this.unseen)), v);
      state = tf.add(state, linear(tf.reshape(mixed, [b * t, k]), at("output")));
      z = linear(this.norm(state, at("norm2")), at("mlp.up"));
      const gelu = tf.mul(tf.mul(z, 0.5), tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1));
      state = tf.add(state, linear(gelu, at("mlp.down")));
    }
    return tf.losses.softmaxCrossEntropy(target, linear(this.norm(state, "norm"), "readout"));
  }

  step(i) {
    const { tf, spec } = this;
    const { inputs, labels } = this.batches[i];
    const { classes } = spec.model;
    return tf.tidy(() => {
      const rows = (values) => tf.tensor(values, [labels.length, values.length / labels.length]);
      const [x, previous, target] = [inputs, oneHot(labels, classes, spec.tokens), oneHot(labels, classes)].map(rows);
      const { value, grads } = tf.variableGrads(() => this.loss(x, previous, target));
      const norm = tf.sqrt(tf.addN(Object.values(grads).map((gradient) => tf.sum(tf.square(gradient)))));
      const scale = tf.minimum(tf.div(spec.clip, tf.add(norm, 1e-9)), 1);
      for (const name of Object.keys(grads)) grads[name] = tf.mul(grads[name], scale);
      this.adam.learningRate = rate(spec, this.taken);
      this.adam.applyGradients(grads);
      this.taken += 1;
      return value;
    });
  }

  wait() {}

  async value(made) {
    return (await made.data())[0];
  }

  release(made) {
    made.dispose();
  }

  /** Shares of the time of a step's kernels, by kernel; operations around them are left out. */
  async shares(i) {
    let made;
    const { kernels } = await this.tf.profile(() => (made = this.step(i)));
    this.release(made);
    const times = new Map();
    for (const { name, kernelTimeMs } of kernels) {
      // fused operations are listed around their kernels, in small letters
      if (/^[A-Z_]/.test(name)) times.set(name, (times.get(name) ?? 0) + (await kernelTimeMs));
    }
    const all = [...times.values()].reduce((sum, time) => sum + time, 0);
    return [...times].map(([name, time]) => [name, time / all]).sort((a, b) => b[1] - a[1]).slice(0, 6);
  }
}
