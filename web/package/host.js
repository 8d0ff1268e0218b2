// Runs learners one call after another: in the worker, or in the page itself where there are no module workers.
// Which engine a learner computes on is decided here: by measurement, unless it was asked for one.
import init, { Core, destroy, drawing, picture } from "./engine.js";

/**
 * What can be asked, by method: fields of the request, and the value of the reply. In Rust they are in `web/engine`
 * (messages.rs) and in the page (learner/messages.rs).
 *
 * Of a learner that is opened, and of the engine itself:
 *   open      { bytes: Uint8Array, engine: "auto" | "cpu" | "webgpu", none?: boolean } → the model's card in JSON
 *   close     {}
 *   drawing   { points: Float32Array, ends: Uint32Array, width }                   → Float32Array [28 × 28]
 *   picture   { rgba: Uint8Array, height, width, ink, look }                       → Float32Array [28 × 28]
 *   destroy   {}                                                                   → whether there was a GPU device
 *
 * Of the examples that a learner was shown; `size` is height, width and channels, a Uint32Array:
 *   observe   { size, input: Float32Array, label }
 *   predict   { size, input: Float32Array, labels }                                → Answer
 *   forget    { index }
 *   relabel   { index, label }
 *   clear     {}
 *   labels    {}                                                                   → Uint32Array
 *   names     {}                                                                   → Uint32Array, the label of each class
 *   save      {}                                                                   → Uint8Array
 *   restore   { size, names: Uint32Array, state: Uint8Array }
 *
 * Of a list of examples that a page keeps itself; `answerer` is "learner", "nearest", "shuffled" or "untrained":
 *   follow    { size, drawings, ids, labels, fresh: Uint32Array, inputs, query: Float32Array, guess, answerer } → Answer
 *   prepare   {}
 *   review    { answerer, places: Uint32Array, budgetMs }                          → { verdicts: Int8Array }
 *   without   { query: Float32Array, places: Uint32Array, budgetMs }               → Float32Array [places, C]
 *   ask       { size, inputs: Float32Array, labels: Uint32Array, classes, queries: Float32Array } → Float32Array [Q, classes]
 *
 * Answer: { probabilities?: Float32Array, none?: number, importance?: Float32Array, tookMs?: number, guess?: -1 | 0 | 1 }. A verdict is 1 for
 * right, 0 for wrong, −1 where it was no question.
 */

/** A device that is lost more often than this is given up. */
const MOST_LOSSES = 3;
/** How often an idle device is looked at, in milliseconds. */
const WATCH_MS = 500;
/** Calls that can wait until nobody draws: whatever else is wanted goes before them. */
const PATIENT = new Set(["ask", "prepare", "review", "without"]);

const learners = new Map();
let watch;
const queue = [];
let running = false;
let losses = 0;
let started;
let adapter;

/** What the browser tells of the GPU, or why there is none. */
function findAdapter() {
  adapter ??= (async () => {
    if (!globalThis.navigator?.gpu) return { refused: "because this browser has no WebGPU. Answers are the same" };
    try {
      const found = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
      if (!found) return { refused: "because the browser offers no GPU here. Answers are the same" };
      const { description, vendor, architecture } = found.info ?? {};
      return { words: description || [vendor, architecture].filter(Boolean).join(", ") || "unnamed GPU" };
    } catch (error) {
      return { refused: `because the GPU could not be used. ${error.message ?? error}` };
    }
  })();
  return adapter;
}

const ms = (time) => (time < 10 ? time.toFixed(1) : Math.round(time)) + " ms";

/** A model, the engine it is on, and who wants to hear of it. */
class Slot {
  constructor(id, bytes, wish, tell) {
    this.id = id;
    this.core = new Core(bytes);
    this.tell = tell;
    this.wish = wish;
    this.engine = { name: "CPU", detail: "" };
  }

  announce(name, detail, notice = "") {
    this.engine = { name, detail };
    if (name === "WebGPU") watch ??= setInterval(look, WATCH_MS);
    this.tell({ event: "engine", learner: this.id, name, detail, notice });
  }

  /** Everything to WebGPU, or to the CPU where that fails. */
  async toGpu(detail) {
    try {
      await this.core.moveTo(true);
      this.announce("WebGPU", detail);
    } catch (error) {
      this.announce("CPU", `because the GPU could not be used. ${error.message}`);
    }
  }

  async settle() {
    if (this.wish === "cpu") return this.announce("CPU", "as requested. The answers are the same");
    const found = await findAdapter();
    if (found.refused) return this.announce("CPU", found.refused);
    if (this.wish === "webgpu") return this.toGpu(found.words);
    this.announce("CPU", "until WebGPU has been timed");
    this.trial(found.words);
  }

  /** Times both engines beside the work that goes on, and moves to the faster one. */
  async trial(words) {
    try {
      const timer = this.core.timer();
      const cpu = await timer.time(false, Infinity);
      const gpu = await timer.time(true, 4 * cpu);
      timer.free();
      const faster = gpu < cpu;
      const detail = faster
        ? `${words}. Teaching and asking take ${ms(gpu)}; on the CPU ${ms(cpu)}`
        : `because it is faster here. Teaching and asking take ${ms(cpu)}; on WebGPU (${words}) ${ms(gpu)}`;
      if (!learners.has(this.id)) return;
      if (faster) enqueue({ run: () => this.toGpu(detail) });
      else this.announce("CPU", detail);
    } catch (error) {
      this.announce("CPU", `because the GPU could not be used. ${error.message}`);
    }
  }

  /** The device failed: another one, or the CPU. What was shown stays. */
  async recover(reason, lost) {
    adapter = undefined;
    losses += 1;
    if (lost && losses <= MOST_LOSSES) await this.toGpu((await findAdapter()).words ?? "");
    else {
      await this.core.moveTo(false);
      this.announce("CPU", `because the GPU failed. ${reason}`);
    }
    const now = this.engine.name === "WebGPU" ? "A new one was opened" : "The CPU continues";
    const count = this.core.labels().length;
    const shown = count === 0 ? "" : count === 1 ? ", and the example was shown again" : `, and the ${count} examples were shown again`;
    this.announce(this.engine.name, this.engine.detail, `The GPU device ${lost ? "was lost" : "failed"}. ${now}${shown}: nothing is lost.`);
  }

  async call(method, request) {
    try {
      return await this.core[method](request);
    } catch (error) {
      const lost = this.core.lost();
      if (this.engine.name !== "WebGPU" || (lost === undefined && !error.device)) throw error;
      await this.recover(lost ?? error.message, lost !== undefined);
      return await this.core[method](request);
    }
  }
}

const plain = {
  open: async (id, { bytes, engine, none }, tell) => {
    await started;
    const slot = new Slot(id, bytes, engine, tell);
    if (none) slot.core.setOutsiders(true);
    learners.set(id, slot);
    await slot.settle();
    return slot.core.card();
  },
  close: async (id) => {
    learners.get(id)?.core.free();
    learners.delete(id);
  },
  drawing: async (_, request) => (await started, drawing(request)),
  picture: async (_, request) => (await started, picture(request)),
  destroy: async () => destroy(),
};

/** Makes the engine of its compiled WebAssembly; to be called once, before `handle`. */
export function start(module) {
  started ??= init({ module_or_path: module });
  // whoever calls a method hears of it
  started.catch(() => {});
}

/** An idle page is to know as well when a device is gone. */
function look() {
  for (const slot of learners.values()) {
    if (slot.engine.name === "WebGPU" && !running && slot.core.lost() !== undefined) {
      enqueue({ run: () => slot.recover(slot.core.lost(), true).catch(() => {}) });
    }
  }
}

/** What moves to the page instead of being copied: a typed array, or those in the fields of a reply. */
function buffers(value) {
  if (ArrayBuffer.isView(value)) return [value.buffer];
  return typeof value === "object" && value ? Object.values(value).filter(ArrayBuffer.isView).map((array) => array.buffer) : [];
}

function enqueue(task) {
  queue.push(task);
  if (!running) pump();
}

async function pump() {
  running = true;
  while (queue.length > 0) {
    const urgent = queue.findIndex((task) => !PATIENT.has(task.method));
    await queue.splice(Math.max(urgent, 0), 1)[0].run();
  }
  running = false;
}

/**
 * Takes a message { call, learner, method, request } and gives { call, value } or { call, fault } to `tell`, sooner or later;
 * { event: "engine", … } may come in between.
 */
export function handle({ call, learner, method, request }, tell) {
  const run = async () => {
    const slot = learners.get(learner);
    if (!plain[method] && !slot) {
      return tell({ call, fault: "this learner was closed, or its worker has stopped. Load it again", gone: true });
    }
    try {
      const value = await (plain[method] ? plain[method](learner, request, tell) : slot.call(method, request));
      tell({ call, value }, buffers(value));
    } catch (error) {
      const crashed = error instanceof WebAssembly.RuntimeError;
      tell({ call, fault: crashed ? `an internal error stopped the engine (${error.message})` : (error.message ?? String(error)), crashed });
    }
  };
  enqueue({ method, run });
}
