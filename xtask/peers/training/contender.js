// One contender in a worker. It can be asked, one thing after another:
//
//   make    { settings: JSON, batches }    → a case { spec, tensors, batches, losses, tokens, batch }: weights, so many batches
//                                            and the losses of as many steps, by our own module
//   open    { contender, given, plan }     → { losses, first }: losses of the case's first steps, and milliseconds until the
//                                            first of them
//   turn    {}                             → milliseconds a step
//   shares  {}                             → [[what, share]] of a step's time, where the library tells it
//
// A learner has step(i), which may leave work to be done, wait(made), value(made), its loss, and release(made) for what `step` gave, and
// perhaps shares().

/** Our module, as the page loads it. */
async function module() {
  const { default: init, WorkerRun } = await import("./pkg/bench.js");
  await init({ module_or_path: new URL("pkg/bench_bg.wasm", location.href) });
  return WorkerRun;
}

/** The step that everybody is asked for; with `page` as the page takes it, with its tasks and measurements. */
async function ours({ settings, batches }, page) {
  const Run = await module();
  const run = new Run(settings, new Float32Array(), new Uint32Array());
  const step = page ? () => run.advance() : (i) => run.advanceOnBatch(batches[i].inputs, batches[i].labels);
  return { step, wait() {}, value: (loss) => loss, release() {} };
}

async function tensorflow(given, plan, backend, { threads = 1, plain = false } = {}) {
  importScripts("tfjs/tf.min.js", "tfjs/tf-backend-wasm.min.js", "tfjs/tf-backend-webgpu.min.js");
  const { tf } = self;
  if (backend === "wasm") {
    tf.wasm.setWasmPaths(new URL("tfjs/", location.href).href);
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads > 1);
    tf.wasm.setThreadsCount(threads);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} here`);
  await tf.ready();
  if (tf.getBackend() !== backend) throw new Error(`asked for ${backend}, got ${tf.getBackend()}`);
  const { Learner } = await import("./tfjs.js");
  return new Learner(tf, given, { plain });
}

async function jaxjs(given, plan, device, { threads = 1, plain = false } = {}) {
  // it has no setting for this: it takes one thread where a page is not isolated, else one for each core
  if (threads === 1) delete self.SharedArrayBuffer;
  const jax = await import("./jax/index.js");
  const devices = await jax.init(device);
  if (!devices.includes(device)) throw new Error(`jax-js has no ${device} here`);
  jax.defaultDevice(device);
  const { Learner } = await import("./jax.js");
  return new Learner(jax, given, { plain });
}

const makers = {
  "ours": (given) => ours(given, false),
  "ours-page": (given) => ours(given, true),
  "tfjs-wasm-plain": (given, plan) => tensorflow(given, plan, "wasm", { plain: true }),
  "tfjs-wasm": (given, plan) => tensorflow(given, plan, "wasm"),
  "tfjs-wasm-threads": (given, plan) => tensorflow(given, plan, "wasm", { threads: plan.threads }),
  "tfjs-cpu": (given, plan) => tensorflow(given, plan, "cpu"),
  "tfjs-webgl": (given, plan) => tensorflow(given, plan, "webgl"),
  "tfjs-webgpu": (given, plan) => tensorflow(given, plan, "webgpu"),
  "jax-wasm-plain": (given, plan) => jaxjs(given, plan, "wasm", { plain: true }),
  "jax-wasm": (given, plan) => jaxjs(given, plan, "wasm"),
  "jax-wasm-threads": (given, plan) => jaxjs(given, plan, "wasm", { threads: plan.threads }),
  "jax-cpu": (given, plan) => jaxjs(given, plan, "cpu"),
  "jax-webgl": (given, plan) => jaxjs(given, plan, "webgl"),
  "jax-webgpu": (given, plan) => jaxjs(given, plan, "webgpu"),
};

let learner;
/** Batches that there are, steps done, and steps of a turn. */
let [batches, taken, count] = [0, 0, 0];

/** So many steps; gives milliseconds of each on average. */
async function steps(wanted) {
  const start = performance.now();
  let last;
  for (let left = wanted; left > 0; left -= 1) {
    if (last !== undefined) learner.release(last);
    last = learner.step(taken % batches);
    taken += 1;
    await learner.wait(last);
  }
  await learner.value(last);
  const time = (performance.now() - start) / wanted;
  learner.release(last);
  return time;
}

const methods = {
  async make({ settings, batches }) {
    const Run = await module();
    const run = new Run(settings, new Float32Array(), new Uint32Array());
    const spec = JSON.parse(run.spec());
    const weights = run.weights();
    let at = 0;
    const tensors = spec.tensors.map(({ name, shape }) => {
      const from = at;
      at += shape.reduce((size, next) => size * next, 1);
      return { name, shape, values: weights.slice(from, at) };
    });
    const given = { settings, spec, tensors, batches: [], losses: [] };
    for (let i = 0; i < batches; i += 1) {
      given.batches.push({ inputs: run.batchInputs(), labels: run.batchLabels() });
      given.losses.push(run.advance());
    }
    return given;
  },
  async open({ contender, given, plan }) {
    const start = performance.now();
    learner = await makers[contender](given, plan);
    [batches, taken] = [given.batches.length, 0];
    const losses = [];
    let first, took;
    for (let i = 0; i < batches; i += 1) {
      const begin = performance.now();
      const made = learner.step(i);
      losses.push(await learner.value(made));
      learner.release(made);
      taken += 1;
      took = performance.now() - begin;
      first ??= performance.now() - start;
      // the very first one compiles, too
      if (i === 1 && took > plan.slow) throw new Error(`a step takes ${(took / 1000).toFixed(0)} s, which nobody waits for`);
    }
    count = plan.least;
    // engines compile what is called often once more, and better
    if (took < plan.enough) {
      count = Math.max(plan.least, Math.ceil(plan.enough / (await steps(plan.least))));
      for (let left = plan.warm; left > 0; left -= 1) await steps(count);
    }
    return { losses, first };
  },
  turn: () => steps(count),
  shares: async () => (learner.shares ? learner.shares(taken % batches) : []),
};

self.onmessage = async ({ data: { method, request } }) => {
  try {
    self.postMessage({ value: await methods[method](request ?? {}) });
  } catch (error) {
    self.postMessage({ fault: error instanceof Error ? error.message : String(error) });
  }
};
