// The way from a page to its learners: a worker, or the page's own thread where there are no module workers.

/** A fault of the engine's, in words. `crashed` when the worker is gone, or what was open in it before it was started again. */
export class EngineFault extends Error {
  constructor(message, crashed = false) {
    super(message);
    this.name = "EngineFault";
    this.crashed = crashed;
  }
}

export class Port {
  #send;
  #worker;
  #calls = new Map();
  #number = 0;
  #learners = 0;

  /** Is told { learner, name, detail, notice } when a learner's engine changes. */
  onengine = () => {};

  /** @param {{ worker?: boolean }} options `worker: false` computes in the page's own thread. */
  constructor({ worker = true } = {}) {
    this.wantsWorker = worker;
  }

  /** A number for a learner that is to be opened. */
  next() {
    this.#learners += 1;
    return this.#learners;
  }

  /** Where learners run: "worker", "page", or "" before the first call. */
  get place() {
    return this.#worker ? "worker" : this.#send ? "page" : "";
  }

  /** Calls a method; what is listed in `transfer` moves instead of being copied. */
  async call(learner, method, args, transfer = []) {
    this.#send ??= this.#open();
    const send = await this.#send;
    this.#number += 1;
    const call = this.#number;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      send({ call, learner, method, args }, transfer);
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
    const worker = this.wantsWorker && (await this.#openWorker());
    if (worker) {
      this.#worker = worker;
      worker.onmessage = ({ data }) => this.#hear(data);
      worker.onerror = (event) => this.#crash(event.message || "the worker has stopped");
      return (message, transfer) => worker.postMessage(message, transfer);
    }
    const { handle } = await import("./host.js");
    return (message) => handle(message, (answer) => this.#hear(answer));
  }

  /** A worker that has answered; nothing where module workers are unknown or forbidden. */
  #openWorker() {
    return new Promise((resolve) => {
      try {
        const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
        worker.onmessage = () => resolve(worker);
        worker.onerror = (event) => {
          event.preventDefault();
          worker.terminate();
          resolve(undefined);
        };
      } catch {
        resolve(undefined);
      }
    });
  }
}
