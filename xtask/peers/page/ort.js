// A learner by onnxruntime-web: graphs that export_onnx.py wrote, the cache in tensors that stay where they were made.

/** (K + λI)⁻¹ of each matrix of `kernels` `[lambda.length, n, n]`: Gauss–Jordan in place, for which no pivots are sought
 * as K is positive semi-definite. */
export function invert(kernels, lambda, n) {
  const out = new Float32Array(kernels.length);
  lambda.forEach((ridge, at) => {
    const a = Float64Array.from(kernels.subarray(at * n * n, (at + 1) * n * n));
    for (let i = 0; i < n; i += 1) a[i * n + i] += ridge;
    for (let p = 0; p < n; p += 1) {
      const scale = 1 / a[p * n + p];
      a[p * n + p] = 1;
      for (let j = 0; j < n; j += 1) a[p * n + j] *= scale;
      for (let i = 0; i < n; i += 1) {
        if (i === p) continue;
        const factor = a[i * n + p];
        a[i * n + p] = 0;
        for (let j = 0; j < n; j += 1) a[i * n + j] -= factor * a[p * n + j];
      }
    }
    out.set(a, at * n * n);
  });
  return out;
}

export class Peer {
  /** `folder` holds the graphs; `gpu` keeps the cache in buffers of the device. */
  static async load(ort, name, folder, { gpu, bytesOf }) {
    const peer = new Peer();
    Object.assign(peer, { ort, gpu, cache: {}, sessions: {} });
    peer.told = JSON.parse(new TextDecoder().decode(await bytesOf(`${folder}${name}.json`)));
    const files = peer.told.graphs.map((part) => bytesOf(`${folder}${name}.${part}.onnx`));
    for (const [at, part] of peer.told.graphs.entries()) {
      const options = { executionProviders: [gpu ? "webgpu" : "wasm"], graphOptimizationLevel: "all" };
      // what JavaScript reads comes to it; everything else stays
      if (gpu && part === "relate") options.preferredOutputLocation = peer.places(peer.told.relate, "gram");
      if (gpu && part === "learn") options.preferredOutputLocation = peer.places(peer.told.learn);
      peer.sessions[part] = await ort.InferenceSession.create(await files[at], options);
    }
    if (gpu) peer.device = await ort.env.webgpu.device;
    return peer;
  }

  places(names, read) {
    return Object.fromEntries(names.map((name) => [name, name === read ? "cpu" : "gpu-buffer"]));
  }

  tensor(values, ...shape) {
    return new this.ort.Tensor("float32", values, shape);
  }

  async run(part, feeds) {
    const session = this.sessions[part];
    return session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]])));
  }

  /** Shows examples: `inputs` `[shown, X]`, one label each. */
  async teach(inputs, labels) {
    const { shown, classes, lambda } = this.told;
    const before = this.cache;
    const table = new Float32Array(shown * classes);
    labels.forEach((label, i) => (table[i * classes + label] = 1));
    const feeds = { shown: this.tensor(inputs, shown, this.told.inputs), labels: this.tensor(table, shown, classes) };
    if (this.sessions.relate) {
      Object.assign(feeds, await this.run("relate", feeds));
      let inverse = this.tensor(invert(feeds.gram.data, lambda, shown), lambda.length, shown, shown);
      if (this.gpu) inverse = this.upload(inverse);
      feeds.inverse = inverse;
    }
    const learnt = await this.run("learn", feeds);
    const all = { ...feeds, ...learnt };
    this.cache = {};
    for (const name of this.sessions.predict.inputNames) if (name !== "query") this.cache[name] = all[name];
    const kept = new Set(Object.values(this.cache));
    for (const tensor of [...Object.values(all), ...Object.values(before)]) {
      if (tensor.location === "gpu-buffer" && !kept.has(tensor)) tensor.dispose();
    }
  }

  /** The tensor in a buffer of the device, so that it is not copied there for each answer. */
  upload(tensor) {
    const device = this.device;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: Math.max(16, tensor.data.byteLength), usage });
    device.queue.writeBuffer(buffer, 0, tensor.data);
    const dispose = () => buffer.destroy();
    return this.ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: tensor.dims, dispose });
  }

  /** Probabilities `[classes]` of a question `[X]`. */
  async answer(question) {
    const feeds = { ...this.cache, query: this.tensor(question, 1, this.told.inputs) };
    const { probabilities } = await this.sessions.predict.run(feeds);
    return probabilities.data;
  }
}
