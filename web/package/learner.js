// The package: learners that were meta-trained, for any web page. See README.md and learner.d.ts.
import { Port } from "./port.js";

const FORMAT = "learner-state/1";
const SIDE = 28;
/** Pen of strokes without a width, as a share of the drawing's longer side: what learners were trained on. */
const PEN_SHARE = 0.124;

let shared;
const open = new Map();

function portFor(worker) {
  if (!worker) return listen(new Port({ worker: false }));
  shared ??= listen(new Port());
  return shared;
}

function listen(port) {
  port.onengine = ({ learner, name, detail, notice }) => open.get(port)?.get(learner)?.({ name, detail, notice });
  open.set(port, new Map());
  return port;
}

async function bytesOf(source) {
  if (source instanceof Uint8Array) return source.slice();
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  if (typeof Blob !== "undefined" && source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  const address = source instanceof Request ? source.url : String(source);
  let response;
  try {
    response = await fetch(source);
  } catch (error) {
    throw new Error(
      `${address} could not be fetched (${error.message}). If it is on another site, that site must allow it (Access-Control-Allow-Origin)`,
    );
  }
  if (!response.ok) throw new Error(`${address} could not be fetched: the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** What was given, as words for an error. */
function found(value) {
  if (value === null || typeof value !== "object") return `${typeof value} ${String(value)}`;
  return `${value.constructor?.name ?? "object"}${value.length === undefined ? "" : ` of ${value.length}`}`;
}

function numbers(values, what) {
  const array = values instanceof Float32Array ? values.slice() : Float32Array.from(values, Number);
  const bad = array.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new TypeError(`${what}: value ${bad} is not a finite number (${String(values[bad])})`);
  return array;
}

export class Learner {
  #port;
  #id;
  #names = [];
  #labels = [];
  #size;
  #shape;
  #turn = Promise.resolve();

  /** What the model's file says. */
  card;
  /** Which engine computes, and why. */
  engine = { name: "CPU", detail: "" };
  /** Is told when the engine changes, with a notice where a device was lost. */
  onengine = () => {};

  /** Loads a model: an address, a Request, a Blob, or bytes. */
  static async load(source, { engine = "auto", worker = true, shape } = {}) {
    if (!["auto", "cpu", "webgpu"].includes(engine)) {
      throw new TypeError(`engine: expected "auto", "cpu" or "webgpu", found ${found(engine)}`);
    }
    const learner = new Learner();
    const bytes = await bytesOf(source);
    learner.#port = portFor(worker);
    learner.#id = learner.#port.next();
    learner.#shape = shape;
    open.get(learner.#port).set(learner.#id, ({ name, detail, notice }) => {
      learner.engine = { name, detail };
      learner.onengine({ name, detail, notice });
    });
    learner.card = JSON.parse(await learner.#port.call(learner.#id, "open", [bytes, engine]));
    return learner;
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
  observe(input, label) {
    return this.#inTurn(async () => {
      const { values, size } = await this.#read(input);
      const known = this.#number(label);
      await this.#call("observe", [size, values, known]);
      this.#size = size;
      this.#names[known] = label;
      this.#labels.push(known);
    });
  }

  /** What it is: the label, how sure, and the probability of every label shown. */
  predict(input) {
    return this.#inTurn(async () => (await this.#ask(input)).answer);
  }

  /** How much each example matters for the answer, in order, summing to 1. */
  attention(input) {
    return this.#inTurn(async () => (await this.#ask(input)).attention);
  }

  /** Forgets an example, as if it had never been shown. */
  forget(index) {
    return this.#inTurn(async () => {
      await this.#call("forget", [this.#index(index)]);
      this.#labels.splice(index, 1);
      this.#drop();
    });
  }

  /** Gives an example another label. */
  relabel(index, label) {
    return this.#inTurn(async () => {
      const known = this.#number(label);
      await this.#call("relabel", [this.#index(index), known]);
      this.#names[known] = label;
      this.#labels[index] = known;
      this.#drop();
    });
  }

  /** Forgets everything. */
  clear() {
    return this.#inTurn(async () => {
      await this.#call("clear", []);
      this.#labels = [];
      this.#size = undefined;
      this.#drop();
    });
  }

  /** What was shown, as bytes for `restore` of the same model. */
  save() {
    return this.#inTurn(async () => {
      const classes = await this.#call("names", []);
      const state = this.#labels.length > 0 ? await this.#call("save", []) : new Uint8Array();
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
      if (head.size.length === 0) await this.#call("clear", []);
      else await this.#call("restore", [Uint32Array.from(head.size), Uint32Array.from(head.classes), state]);
      this.#names = head.names.map((name) => name ?? undefined);
      this.#labels = [...(await this.#call("labels", []))];
      this.#size = head.size.length === 0 ? undefined : Uint32Array.from(head.size);
      this.#drop();
    });
  }

  /** Frees what it holds; it can't be used afterwards. */
  async close() {
    open.get(this.#port).delete(this.#id);
    await this.#port.call(this.#id, "close", []);
  }

  /** One call after another, in the order in which they were made. */
  #inTurn(work) {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  #call(method, args) {
    return this.#port.call(this.#id, method, args);
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

  async #ask(input) {
    if (this.#labels.length === 0) throw new Error("nothing was shown yet: observe a few labelled examples first");
    const { values, size } = await this.#read(input);
    const flat = await this.#call("predict", [size, values, this.#names.length]);
    const probabilities = this.#names
      .map((label, number) => ({ label, probability: flat[number] }))
      .filter(({ label }) => label !== undefined);
    const best = probabilities.reduce((best, next) => (next.probability > best.probability ? next : best));
    return { answer: { ...best, probabilities }, attention: flat.slice(this.#names.length) };
  }

  /** Values and size of an input. */
  async #read(input) {
    const square = Uint32Array.of(SIDE, SIDE, 1);
    if (typeof ImageData !== "undefined" && input instanceof ImageData) {
      const { data, width, height } = input;
      // ink is what differs from white paper, or from nothing: what is transparent is paper
      const grey = Float32Array.from({ length: width * height }, (_, i) => {
        const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4);
        return (1 - (0.299 * r + 0.587 * g + 0.114 * b) / 255) * (a / 255);
      });
      return { values: await this.#port.call(0, "picture", [grey, height, width]), size: square };
    }
    if (input && typeof input === "object" && Array.isArray(input.strokes)) {
      const points = input.strokes.flatMap((stroke) => stroke.flatMap((point) => (Array.isArray(point) ? point : [point.x, point.y])));
      const flat = numbers(points, "strokes");
      let end = 0;
      const ends = Uint32Array.from(input.strokes, (stroke) => (end += stroke.length));
      const along = (axis) => flat.filter((_, i) => i % 2 === axis);
      const extent = Math.max(...[0, 1].map((axis) => along(axis).reduce((most, v) => Math.max(most, v), -Infinity) - along(axis).reduce((least, v) => Math.min(least, v), Infinity)));
      const width = input.width ?? PEN_SHARE * Math.max(extent, 1);
      return { values: await this.#port.call(0, "drawing", [flat, ends, width]), size: square };
    }
    if (!input || typeof input !== "object" || typeof input.length !== "number") {
      throw new TypeError(`input: expected numbers, ImageData, or { strokes: [[[x, y], …], …] }, found ${found(input)}`);
    }
    const values = numbers(input, "input");
    if (this.#shape) return { values, size: Uint32Array.from(this.#shape) };
    return { values, size: values.length === SIDE * SIDE ? square : Uint32Array.of(1, values.length, 1) };
  }
}
