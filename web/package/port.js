// The way from a page to its learners: a worker, or the page's own thread where there are no module workers.
import { address, apart, engine } from "./wasm.js";

/** A fault of the engine's, in words. `crashed` when the worker is gone, or what was open in it before it was started again. */
export class EngineFault extends Error {
  constructor(message, crashed = false) {
    super(message);
    this.name = "EngineFault";
    this.crashed = crashed;
  }
}

/** Counted over all ports, for those without a worker share one engine. */
let learners = 0;

export class Port {
  #send;
  #worker;
  #wants;
  #wasm;
  #calls = new Map();
  #number = 0;

  /** Is told { learner, name, detail, notice } when a learner's engine changes. */
  onengine = () => {};

  /**
   * @param {{ worker?: boolean | string | URL | (() => Worker), wasm?: unknown }} options
   * `worker`: `false` computes in the page's own thread; the address of another worker.js; or a function that starts it.
   * `wasm`: the engine's WebAssembly in the place of the file beside this one.
   */
  constructor({ worker = true, wasm } = {}) {
    this.#wants = worker;
    this.#wasm = wasm;
  }

  /** A number for a learner that is to be opened. */
  next() {
    learners += 1;
    return learners;
  }

  /** Where learners run: "worker", "main", or "" before the first call. */
  get place() {
    return this.#worker ? "worker" : this.#send ? "main" : "";
  }

  /** Starts the worker, so that a first call need not wait for it. */
  start() {
    this.#send ??= this.#open();
    return this.#send;
  }

  /** Ends what the worker is doing, with all that it holds; the next call starts another one. */
  stop() {
    if (this.#worker) this.#crash("it was stopped");
  }

  /** Calls a method with a request (see host.js); what is listed in `transfer` moves instead of being copied. */
  async call(learner, method, request = {}, transfer = []) {
    // a learner that is gone with its worker need not be closed in another one
    if (method === "close" && !this.#send) return undefined;
    const opened = this.start();
    let send;
    try {
      send = await opened;
    } catch (error) {
      // the next call tries again
      if (this.#send === opened) this.#send = undefined;
      throw error;
    }
    this.#number += 1;
    const call = this.#number;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      send({ call, learner, method, request }, transfer);
    });
  }

  #hear(message) {
    if (message.event === "engine") return this.onengine(message);
    const waiting = this.#calls.get(message.call);
    if (!waiting) return;
    this.#calls.delete(message.call);
    if (message.fault === undefined) return waiting.resolve(message.value);
    waiting.reject(new EngineFault(message.fault, message.crashed || message.gone));
    if (message.crashed) this.#crash(message.fault);
  }

  /** The worker can't be trusted any more; the next call starts another. */
  #crash(words) {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#send = undefined;
    for (const { reject } of this.#calls.values()) reject(new EngineFault(words, true));
    this.#calls.clear();
  }

  async #open() {
    const [module, worker] = await Promise.all([engine(this.#wasm), this.#openWorker()]);
    if (worker) {
      this.#worker = worker;
      worker.onmessage = ({ data }) => this.#hear(data);
      worker.onerror = (event) => this.#crash(event.message || "the worker has stopped");
      worker.postMessage({ start: module });
      return (message, transfer) => worker.postMessage(message, transfer);
    }
    const { handle, start } = await import("./host.js");
    start(module);
    return (message) => handle(message, (answer) => this.#hear(answer));
  }

  /** A worker that has answered; nothing where module workers are unknown or forbidden. */
  async #openWorker() {
    const wants = this.#wants;
    if (wants === false || typeof Worker === "undefined") return undefined;
    if (wants !== true) {
      const make = typeof wants === "function" ? wants : () => at(wants);
      const worker = await answering(make);
      if (worker) return worker;
      const name = typeof wants === "function" ? "the worker given" : String(wants);
      throw new Error(`${name} could not be started. Expected the package's worker.js there, with host.js and engine.js beside it`);
    }
    // The words of this line are what bundlers look for.
    const shipped = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    return (!apart() && ((await answering(shipped)) ?? (await answering(elsewhere)))) || (await answering(inline));
  }
}

/** A module worker at an address; browsers start those of other sites only from within. */
function at(source) {
  const { href, origin, protocol } = new URL(source, globalThis.document?.baseURI ?? location.href);
  const own = origin === location.origin || protocol === "blob:" || protocol === "data:";
  return own ? new Worker(href, { type: "module" }) : from(`import ${JSON.stringify(href)};`);
}

/** The package's own worker, where the package lies on another site. */
function elsewhere() {
  const wasm = new URL(address());
  if (wasm.origin === location.origin || !wasm.pathname.endsWith("/engine_bg.wasm")) return undefined;
  return at(new URL("worker.js", wasm));
}

/** The copy that the package carries for bundlers that leave the worker out. */
async function inline() {
  return from((await import("./inline.js")).worker);
}

function from(script) {
  return new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), { type: "module" });
}

/** The worker, once it has answered; nothing where it does not start. */
async function answering(make) {
  let worker;
  try {
    worker = await make();
  } catch {
    return undefined;
  }
  return worker && new Promise((resolve) => {
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      resolve(undefined);
    };
  });
}
