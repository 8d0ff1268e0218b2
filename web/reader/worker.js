// Reads a visitor's own data off the main thread. It takes the messages of web/package/port.js.
import init, { Table, exported, rules, sketches, unpack } from "./reader.js";

/**
 * What can be asked, by method: fields of the request, and the value of the reply. `learner` in a message is the number of
 * the table. In Rust they are in `web/reader` (messages.rs) and in the page (own_data/messages.rs).
 *
 *   open      { bytes: Uint8Array }
 *   unpack    { bytes: Uint8Array }                            → [{ path, file: File }], or nothing where it is a table
 *   close     {}
 *   sketches  { bytes: Uint8Array, lengths: Uint32Array, paths: string[], mostClasses } → JSON of a file of examples
 *   export    { text: JSON of a file of examples, pictures: Float32Array [P, 28, 28], format: "png" | "svg" | "ndjson" }
 *                                                              → { bytes: Uint8Array, ending, leftOut }
 *   choose    { heading?, class?, leaveOut, keep: Uint32Array, mostClasses } → { summary: JSON, labels: Uint32Array, fault? }
 *   show      { shown, asked: Uint32Array }                    → { shown: Float32Array [N, X], asked: Float32Array [Q, X] }
 *   cells     { rows: Uint32Array }                            → JSON
 *   typed     { shown: Uint32Array, cells: string[] }          → Float32Array [X]
 *   openAsked { bytes: Uint8Array }                            → number of rows
 *   asked     { shown: Uint32Array, from, count }              → Float32Array [count, X]
 *   answers   { probabilities: Float32Array }                  → JSON
 *   rules     { size: Uint32Array, shown, asked: Float32Array, labels: Uint32Array, classes } → Float32Array [4, Q, C]
 */
const tables = new Map();
const started = init({ module_or_path: new URL("./reader_bg.wasm", import.meta.url) });
// whoever asks first hears of it
started.catch(() => {});

const plain = {
  open: (number, request) => void tables.set(number, new Table(request)),
  close: (number) => {
    tables.get(number)?.free();
    tables.delete(number);
  },
  export: (_, request) => exported(request),
  rules: (_, request) => rules(request),
  sketches: (_, request) => sketches(request),
  unpack: (_, request) =>
    unpack(request)?.map(({ path, bytes }) => ({ path, file: new File([bytes], path.split("/").pop()) })),
};

self.onmessage = async ({ data: { call, learner, method, request } }) => {
  if (call === undefined) return;
  try {
    await started;
    const table = tables.get(learner);
    if (!plain[method] && !table) throw new Error("this table was closed. Open it again");
    const value = plain[method] ? plain[method](learner, request) : table[method](request);
    self.postMessage({ call, value });
  } catch (error) {
    const crashed = error instanceof WebAssembly.RuntimeError;
    const words = crashed ? `an internal error stopped the reader (${error.message})` : (error.message ?? String(error));
    self.postMessage({ call, fault: words, crashed });
  }
};
self.postMessage({ event: "ready" });
