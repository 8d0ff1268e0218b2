// One contender: loads, answers once (a cold load), then answers and teaches over and over.
const { model, contender, plan, contexts, resolve, reject } = parent.contender;
// arrays of this frame's own kind
const copy = (value) => (Array.isArray(value) ? value.map(copy) : typeof value === "object" ? new Float32Array(value) : value);
const data = Object.fromEntries(Object.entries(parent.data).map(([name, value]) => [name, copy(value)]));

const memories = new Set();
let buffers = 0;
let mostBuffers = 0;

/** Notes every memory of WebAssembly and every buffer of a GPU that is made from now on. */
function watch() {
  const { Memory, instantiate, instantiateStreaming } = WebAssembly;
  WebAssembly.Memory = function (shape) {
    const memory = new Memory(shape);
    memories.add(memory);
    return memory;
  };
  WebAssembly.Memory.prototype = Memory.prototype;
  const note = (made) => {
    for (const value of Object.values((made.instance ?? made).exports)) if (value instanceof Memory) memories.add(value);
    return made;
  };
  WebAssembly.instantiate = (...args) => instantiate(...args).then(note);
  WebAssembly.instantiateStreaming = (...args) => instantiateStreaming(...args).then(note);
  if (!globalThis.GPUDevice) return;
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (shape) {
    buffers += shape.size;
    mostBuffers = Math.max(mostBuffers, buffers);
    return createBuffer.call(this, shape);
  };
  GPUBuffer.prototype.destroy = function () {
    // at most once: a destroyed buffer may be destroyed again
    if (!this.gone) buffers -= this.size;
    this.gone = true;
    return destroy.call(this);
  };
}

async function bytesOf(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Our package, as a page uses it, in the page's own thread as its peer is; the one in `folder`. */
async function ours(engine, folder = "pkg") {
  const { Learner } = await import(`./${folder}/learner.js`);
  const learner = await Learner.load(`case/${model}.safetensors`, { engine, worker: false });
  const wanted = { cpu: "CPU", webgpu: "WebGPU" }[engine];
  if (learner.engine.name !== wanted) throw new Error(`asked for ${wanted}, got ${learner.engine.name}: ${learner.engine.detail}`);
  const answer = (i) => learner.predict(data.queries[i]);
  return {
    answer,
    capacity: learner.capacity,
    probabilities: ({ probabilities }) => probabilities.map(({ probability }) => probability),
    async teach(count = data.shown.length) {
      learner.clear();
      // beyond what there is, the same ones once more
      for (let i = 0; i < count; i += 1) learner.observe(data.shown[i % data.shown.length], data.labels[i % data.labels.length]);
      return answer(0);
    },
    async more(context) {
      learner.observe(data.shown[context % data.shown.length], data.labels[context % data.labels.length]);
      return answer(0);
    },
    /** What `more` showed goes again; nothing is computed before the next answer. */
    less: (context) => learner.forget(context),
  };
}

async function theirs(gpu, threads) {
  const [ort, { Peer }] = await Promise.all([
    import(gpu ? "./ort/ort.webgpu.bundle.min.mjs" : "./ort/ort.wasm.bundle.min.mjs"),
    import("./ort.js"),
  ]);
  ort.env.wasm.wasmPaths = new URL("./ort/", location.href).href;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = plan.log ?? "error";
  const peer = await Peer.load(ort, model, "case/", { gpu, bytesOf });
  const answer = (i) => peer.answer(data.questions[i]);
  return {
    answer,
    probabilities: (answer) => [...answer],
    async teach() {
      await peer.teach(data.inputs, data.labels);
      return answer(0);
    },
  };
}

const makers = {
  "ours-webgpu": () => ours("webgpu"),
  "ours-cpu": () => ours("cpu"),
  "before-cpu": () => ours("cpu", "before"),
  "ort-webgpu": () => theirs(true, 1),
  "ort-wasm": () => theirs(false, 1),
  "ort-wasm-threads": () => theirs(false, plan.threads),
};

/** The median in milliseconds of at least `least` calls, more if they take less than `plan.enough` ms together, after as long
 * again that does not count: engines compile what is called often once more, and better. `after` each call is not timed. */
async function median(least, work, after) {
  let all;
  for (const _ of ["before", "counted"]) {
    all = [];
    const begin = performance.now();
    while (all.length < least || performance.now() - begin < plan.enough) {
      const start = performance.now();
      await work(all.length);
      all.push(performance.now() - start);
      await after?.();
    }
  }
  return all.sort((a, b) => a - b)[all.length >> 1];
}

async function run() {
  watch();
  const learner = await makers[contender]();
  await learner.teach();
  const answered = performance.timeOrigin + performance.now();
  const bytes = performance.getEntriesByType("resource").reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  let difference = 0;
  for (const [i, expected] of data.expected.entries()) {
    const found = learner.probabilities(await learner.answer(i));
    expected.forEach((value, label) => (difference = Math.max(difference, Math.abs(value - found[label]))));
  }
  const answer = await median(plan.answers, (i) => learner.answer(i % data.queries.length));
  const teach = await median(plan.teachings, () => learner.teach());
  const wasm = [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  return { answered, answer, teach, bytes, wasm, buffers: mostBuffers, difference };
}

/** Milliseconds of answers, of teaching and of one more example by the number of examples in the context. */
async function grow() {
  const learner = await makers[contender]();
  const all = [];
  for (const context of contexts) {
    const teach = await median(1, () => learner.teach(context));
    const answer = await median(plan.answers, (i) => learner.answer(i % data.queries.length));
    // where there is room for it
    const more = context < learner.capacity ? await median(1, () => learner.more(context), () => learner.less(context)) : NaN;
    all.push([context, { answer, teach, more }]);
  }
  return all;
}

(contexts ? grow() : run()).then(resolve, reject);
