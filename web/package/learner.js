// The package: learners that were meta-trained, for any web page. See README.md and learner.d.ts.
import { INKS, LOOKS, found, oneOf, read } from "./input.js";
import { EngineFault, Port } from "./port.js";
import { fetched, file } from "./wasm.js";

const FORMAT = "learner-state/1";
const ENGINES = ["auto", "cpu", "webgpu"];

/** Where the worker and the engine's WebAssembly are; see `Learner.configure`. */
let places = { worker: true, wasm: undefined };
const ports = [];
const open = new Map();

/** Learners with the same worker and the same WebAssembly share them. */
function portFor({ worker, wasm }) {
  const key = (place) => (place instanceof URL ? place.href : place);
  const known = ports.find((port) => port.worker === key(worker) && port.wasm === key(wasm));
  if (known) return known.port;
  const port = new Port({ worker, wasm });
  port.onengine = ({ learner, name, detail, notice }) => open.get(port)?.get(learner)?.({ name, detail, notice });
  open.set(port, new Map());
  ports.push({ port, worker: key(worker), wasm: key(wasm) });
  return port;
}

/** The bytes of a model, and its name for errors. */
async function model(source) {
  if (ArrayBuffer.isView(source)) return { bytes: Uint8Array.from(new Uint8Array(source.buffer, source.byteOffset, source.byteLength)) };
  if (Object.prototype.toString.call(source) === "[object ArrayBuffer]") return { bytes: new Uint8Array(source.slice(0)) };
  if (typeof Blob !== "undefined" && source instanceof Blob) return { bytes: new Uint8Array(await source.arrayBuffer()), name: source.name };
  if (typeof source !== "string" && !(source instanceof URL) && typeof source?.url !== "string") {
    throw new TypeError(`model: expected an address, a Request, a Blob, or bytes, found ${found(source)}`);
  }
  const name = String(source.url ?? source);
  // outside a page a name without a scheme is a file's
  const isFile = typeof source === "string" && !/^[a-z][a-z+.-]+:/i.test(source) && typeof location === "undefined";
  return { bytes: await (isFile ? file(source) : fetched(source)), name };
}

export class Learner {
  #port;
  #id;
  #names = [];
  #labels = [];
  #size;
  #reading;
  #turn = Promise.resolve();

  /** What the model's file says. */
  card;
  /** Which engine computes, and why. */
  engine = { name: "CPU", detail: "" };
  /** Is told when the engine changes, with a notice where a device was lost. */
  onengine = () => {};

  /** Says where the package's worker.js and engine_bg.wasm are, for learners that are loaded from now on. */
  static configure({ worker = places.worker, wasm = places.wasm } = {}) {
    places = { worker, wasm };
  }

  /** Loads a model: an address, a Request, a Blob, or bytes; in Node a file as well. */
  static async load(source, { engine = "auto", worker = places.worker, wasm = places.wasm, shape, ink = "auto", look = "auto", none = false } = {}) {
    oneOf("engine", engine, ENGINES);
    oneOf("ink", ink, INKS);
    oneOf("look", look, LOOKS);
    if (typeof none !== "boolean") throw new TypeError(`none: expected true or false, found ${found(none)}`);
    const learner = new Learner();
    const port = portFor({ worker, wasm });
    // a fault of it is heard of by the first call
    port.start().catch(() => {});
    const { bytes, name } = await model(source);
    learner.#port = port;
    learner.#id = port.next();
    learner.#reading = { ink, look, shape };
    open.get(port).set(learner.#id, ({ name, detail, notice }) => {
      learner.engine = { name, detail };
      learner.onengine({ name, detail, notice });
    });
    try {
      learner.card = JSON.parse(await port.call(learner.#id, "open", { bytes, engine, none }));
    } catch (error) {
      open.get(port).delete(learner.#id);
      if (name && error instanceof EngineFault) error.message = `${name}: ${error.message}`;
      throw error;
    }
    return learner;
  }

  /** Where it computes: in a worker, or in the thread of the program itself. */
  get thread() {
    return this.#port.place;
  }

  /** Labels of the examples shown, in order. */
  get labels() {
    return this.#labels.map((label) => this.#names[label]);
  }

  /** Number of examples shown. */
  get length() {
    return this.#labels.length;
  }

  /** Most examples it takes. */
  get capacity() {
    return this.card.capacity;
  }

  /** Shows an example. */
  observe(input, label, options) {
    const reading = this.#read(input, options);
    return this.#inTurn(async () => {
      const { values, size } = await reading;
      const known = this.#number(label);
      await this.#call("observe", { size, input: values, label: known });
      this.#size = size;
      this.#names[known] = label;
      this.#labels.push(known);
    });
  }

  /** What it is: the label, how sure, and the probability of every label shown. */
  predict(input, options) {
    const reading = this.#read(input, options);
    return this.#inTurn(async () => (await this.#ask(reading)).answer);
  }

  /** How much each example matters for the answer, in order, summing to 1. */
  attention(input, options) {
    const reading = this.#read(input, options);
    return this.#inTurn(async () => (await this.#ask(reading)).attention);
  }

  /** Forgets an example, as if it had never been shown. */
  forget(index) {
    return this.#inTurn(async () => {
      await this.#call("forget", { index: this.#index(index) });
      this.#labels.splice(index, 1);
      this.#drop();
    });
  }

  /** Gives an example another label. */
  relabel(index, label) {
    return this.#inTurn(async () => {
      const known = this.#number(label);
      await this.#call("relabel", { index: this.#index(index), label: known });
      this.#names[known] = label;
      this.#labels[index] = known;
      this.#drop();
    });
  }

  /** Forgets everything. */
  clear() {
    return this.#inTurn(async () => {
      await this.#call("clear");
      this.#labels = [];
      this.#size = undefined;
      this.#drop();
    });
  }

  /** What was shown, as bytes for `restore` of the same model. */
  save() {
    return this.#inTurn(async () => {
      const classes = await this.#call("names");
      const state = this.#labels.length > 0 ? await this.#call("save") : new Uint8Array();
      const head = { format: FORMAT, size: [...(this.#size ?? [])], names: this.#names.map((name) => name ?? null), classes: [...classes] };
      const text = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
      const bytes = new Uint8Array(text.length + state.length);
      bytes.set(text);
      bytes.set(state, text.length);
      return bytes;
    });
  }

  /** Takes back what `save` gave; after an error everything is as it was. */
  restore(bytes) {
    return this.#inTurn(async () => {
      const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
      const end = all.indexOf(10);
      let head;
      try {
        head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(all.subarray(0, Math.max(end, 0))));
      } catch {
        head = undefined;
      }
      if (head?.format !== FORMAT || !Array.isArray(head.names) || !Array.isArray(head.classes) || !Array.isArray(head.size)) {
        throw new Error(`expected what save() gave (${FORMAT}), found ${found(all)}. Save it again`);
      }
      const state = all.slice(end + 1);
      if (head.size.length === 0) await this.#call("clear");
      else await this.#call("restore", { size: Uint32Array.from(head.size), names: Uint32Array.from(head.classes), state });
      this.#names = head.names.map((name) => name ?? undefined);
      this.#labels = [...(await this.#call("labels"))];
      this.#size = head.size.length === 0 ? undefined : Uint32Array.from(head.size);
      this.#drop();
    });
  }

  /** Frees what it holds; it can't be used afterwards. */
  async close() {
    open.get(this.#port).delete(this.#id);
    await this.#port.call(this.#id, "close");
  }

  /** One call after another, in the order in which they were made. */
  #inTurn(work) {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  #call(method, request) {
    return this.#port.call(this.#id, method, request);
  }

  #index(index) {
    if (!Number.isInteger(index) || index < 0 || index >= this.#labels.length) {
      throw new RangeError(`expected the index of one of ${this.#labels.length} examples, found ${found(index)}`);
    }
    return index;
  }

  /** The number of a label: the one it has, or the smallest free one. */
  #number(label) {
    if (typeof label !== "string" && typeof label !== "number") {
      throw new TypeError(`label: expected a string or a number, found ${found(label)}`);
    }
    const known = this.#names.indexOf(label);
    if (known >= 0) return known;
    const free = this.#names.indexOf(undefined);
    return free >= 0 ? free : this.#names.length;
  }

  /** Labels without examples give their numbers back. */
  #drop() {
    this.#names = this.#names.map((name, number) => (this.#labels.includes(number) ? name : undefined));
    while (this.#names.length > 0 && this.#names.at(-1) === undefined) this.#names.pop();
  }

  async #ask(reading) {
    if (this.#labels.length === 0) throw new Error("nothing was shown yet: observe a few labelled examples first");
    const { values, size } = await reading;
    const answer = await this.#call("predict", { size, input: values, labels: this.#names.length });
    const probabilities = this.#names
      .map((label, number) => ({ label, probability: answer.probabilities[number] }))
      .filter(({ label }) => label !== undefined);
    if (!probabilities.every(({ probability }) => Number.isFinite(probability))) {
      throw new Error("the learner's answer is not a number. Its weights may be damaged, or the inputs too large: scale them to about 1");
    }
    // the first of the largest
    const best = probabilities.reduce((best, next) => (next.probability > best.probability ? next : best));
    const none = answer.none === undefined ? {} : { none: answer.none };
    return { answer: { ...best, probabilities, ...none }, attention: answer.importance };
  }

  /** Values and size of an input, as it is now, whatever becomes of it while others wait. */
  #read(input, options) {
    const reading = read(input, { ...this.#reading, ...options }, (method, request, transfer) => this.#port.call(0, method, request, transfer));
    // it is waited for in turn
    reading.catch(() => {});
    return reading;
  }
}
