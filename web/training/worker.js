// Takes the steps of a run off the main thread. It takes the messages of web/package/port.js.
import init, { WorkerRun } from "./training.js";

/**
 * What can be asked, by method: fields of the request, and the value of the reply. `learner` in a message is the number of
 * the run.
 *
 *   open       { settings: JSON, inputs: Float32Array [n, D], labels: Uint32Array [n] }
 *   resume     { bytes: Uint8Array }                 → settings: JSON
 *   step       { milliseconds, most, known }         → { report: JSON, spent, bad }: trains for so long, but at most so many
 *              steps; `spent` is in milliseconds, `bad` the number of a step that was not finite, which was not taken
 *   extend     { steps }
 *   file       {}                                    → { bytes: Uint8Array, toml: string or undefined }
 *   checkpoint {}                                    → Uint8Array
 *   close      {}
 */
const runs = new Map();
const started = init({ module_or_path: new URL("./training_bg.wasm", import.meta.url) });
// whoever asks first hears of it
started.catch(() => {});

const open = (number, run) => {
  runs.get(number)?.free();
  runs.set(number, run);
};

const plain = {
  open: (number, { settings, inputs, labels }) => open(number, new WorkerRun(settings, inputs, labels)),
  resume: (number, { bytes }) => {
    open(number, WorkerRun.resume(bytes));
    return runs.get(number).settings();
  },
  close: (number) => {
    runs.get(number)?.free();
    runs.delete(number);
  },
};

const of = {
  step: (run, { milliseconds, most, known }) => {
    const begin = performance.now();
    let bad;
    for (let taken = 0; taken < most && !run.done() && performance.now() - begin < milliseconds; taken += 1) {
      try {
        run.advance();
      } catch (step) {
        if (typeof step !== "number") throw step;
        bad = step;
        break;
      }
    }
    return { report: run.report(known), spent: performance.now() - begin, bad };
  },
  extend: (run, { steps }) => run.extend(steps),
  file: (run) => run.file(),
  checkpoint: (run) => run.checkpoint(),
};

self.onmessage = async ({ data: { call, learner, method, request } }) => {
  if (call === undefined) return;
  try {
    await started;
    const run = runs.get(learner);
    if (!plain[method] && !run) throw new Error("this run was closed. Start a new one");
    const value = plain[method] ? plain[method](learner, request) : of[method](run, request);
    self.postMessage({ call, value });
  } catch (error) {
    const crashed = error instanceof WebAssembly.RuntimeError;
    const words = crashed ? `an internal error stopped the training (${error.message})` : (error.message ?? String(error));
    self.postMessage({ call, fault: words, crashed });
  }
};
self.postMessage({ event: "ready" });
