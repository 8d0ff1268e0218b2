// Runs learners one call after another: in the worker, or in the page itself where there are no module workers.
// Which engine a learner computes on is decided here: by measurement, unless it was asked for one.
import init, { Core, destroy, drawing, picture } from "./engine.js";

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
    if (!globalThis.navigator?.gpu) return { refused: "as there is no GPU interface here. Answers are the same" };
    try {
      const found = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
      if (!found) return { refused: "as the browser offers no GPU here. Answers are the same" };
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
class Seat {
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
        ? `${words}. To teach and to ask take ${ms(gpu)}, on the CPU ${ms(cpu)}`
        : `as it is the faster one here. To teach and to ask take ${ms(cpu)}, on WebGPU (${words}) ${ms(gpu)}`;
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
    const now = this.engine.name === "WebGPU" ? "A new one was opened" : "The CPU goes on";
    const count = this.core.labels().length;
    const shown = count === 0 ? "" : count === 1 ? " and the example shown again" : ` and ${count} examples shown again`;
    this.announce(this.engine.name, this.engine.detail, `The GPU device ${lost ? "was lost" : "failed"}. ${now}${shown}: nothing is lost.`);
  }

  async call(method, args) {
    try {
      return await this.core[method](...args);
    } catch (error) {
      const lost = this.core.lost();
      if (this.engine.name !== "WebGPU" || (lost === undefined && !error.device)) throw error;
      await this.recover(lost ?? error.message, lost !== undefined);
      return await this.core[method](...args);
    }
  }
}

const plain = {
  open: async (id, [bytes, wish], tell) => {
    await started;
    const seat = new Seat(id, bytes, wish, tell);
    learners.set(id, seat);
    await seat.settle();
    return seat.core.card();
  },
  close: async (id) => {
    learners.get(id)?.core.free();
    learners.delete(id);
  },
  drawing: async (_, args) => (await started, drawing(...args)),
  picture: async (_, args) => (await started, picture(...args)),
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
  for (const seat of learners.values()) {
    if (seat.engine.name === "WebGPU" && !running && seat.core.lost() !== undefined) {
      enqueue({ run: () => seat.recover(seat.core.lost(), true).catch(() => {}) });
    }
  }
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
 * Takes a message { call, learner, method, args } and gives { call, value } or { call, fault } to `tell`, sooner or later;
 * { event: "engine", … } may come in between.
 */
export function handle({ call, learner, method, args }, tell) {
  const run = async () => {
    const seat = learners.get(learner);
    if (!plain[method] && !seat) {
      return tell({ call, fault: "this learner was closed, or its worker has stopped. Load it again", gone: true });
    }
    try {
      const value = await (plain[method] ? plain[method](learner, args, tell) : seat.call(method, args));
      tell({ call, value }, ArrayBuffer.isView(value) ? [value.buffer] : []);
    } catch (error) {
      const crashed = error instanceof WebAssembly.RuntimeError;
      tell({ call, fault: crashed ? `the engine has made a mistake of its own (${error.message})` : (error.message ?? String(error)), crashed });
    }
  };
  enqueue({ method, run });
}
