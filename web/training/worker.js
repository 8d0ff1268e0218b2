// Takes the steps of a run off the main thread. It takes the messages of web/package/port.js.
import { advance } from "./helpers.js";

/**
 * What can be asked, by method: fields of the request, and the value of the reply. `learner` in a message is the number of
 * the run.
 *
 *   open       { settings: JSON, inputs: Float32Array [n, D], labels: Uint32Array [n], gpu, helpers }
 *                                                   → { settings: JSON, gpu, trouble }: with `gpu` a GPU is to
 *              take the steps; its name, or in words why the CPU takes them. So many `helpers` compute parts of each
 *              batch, by default as many as there are cores to spare
 *   resume     { bytes: Uint8Array, gpu, helpers }  → as open
 *   step       { milliseconds, most, known }         → { report: JSON, spent, bad, bytes, trouble }: trains for so long, but
 *              at most so many steps; `spent` is in milliseconds, `bad` the number of a step that was not finite, which was
 *              not taken, `bytes` the WebAssembly memory in use, `trouble` why the CPU took over from the GPU
 *   part       { step, stage, weights: Float32Array, first, end } → { sums: Float32Array, numbers: Float64Array }: of the
 *              batch of such a step the groups `first..end`, for a worker that this one helps
 *   extend     { steps }
 *   file       {}                                    → { bytes: Uint8Array, toml: string or undefined }
 *   checkpoint {}                                    → Uint8Array
 *   close      {}
 */
const runs = new Map();
const parts = {};

/** What computes runs, by where: "training" on the CPU, "gpu" on a GPU or the CPU. */
function part(name) {
  parts[name] ??= import(`./${name}.js`).then(async ({ default: init, WorkerRun }) => {
    const { memory } = await init({ module_or_path: new URL(`./${name}_bg.wasm`, import.meta.url) });
    return { WorkerRun, memory };
  });
  // whoever asks first hears of it; the next one tries again
  parts[name].catch(() => delete parts[name]);
  return parts[name];
}
part("training").catch(() => {});

/** Makes a run on the GPU, if it is wanted and there is one, else on the CPU. */
async function open(number, { gpu, helpers }, make) {
  let trouble;
  let found = gpu && (await part("gpu").catch((error) => void (trouble = error.message)));
  found ||= await part("training");
  const run = make(found.WorkerRun);
  if (gpu && !trouble) await run.useGpu().catch((error) => (trouble = error.message));
  runs.get(number)?.run.free();
  runs.set(number, { run, memory: found.memory, helpers });
  return { settings: run.settings(), gpu: run.gpu, trouble };
}

const plain = {
  open: (number, request) => open(number, request, (Run) => new Run(request.settings, request.inputs, request.labels)),
  resume: (number, request) => open(number, request, (Run) => Run.resume(request.bytes)),
  close: (number) => {
    runs.get(number)?.run.free();
    runs.delete(number);
  },
};

const of = {
  step: async ({ run, memory, helpers }, { milliseconds, most, known }, number) => {
    const begin = performance.now();
    let bad, trouble;
    for (let left = most; left > 0 && !run.done() && performance.now() - begin < milliseconds; ) {
      const gpu = run.gpu;
      try {
        if (gpu) left -= await run.advanceOnGpu(left);
        else {
          await advance(number, run, helpers);
          left -= 1;
        }
      } catch (error) {
        if (typeof error === "number") {
          bad = error;
          break;
        }
        // without its GPU the run goes on from where it was
        if (!gpu || run.gpu) throw error;
        trouble = error.message;
      }
    }
    const spent = performance.now() - begin;
    return { report: run.report(known), spent, bad, bytes: memory.buffer.byteLength, trouble };
  },
  part: ({ run }, { step, stage, weights, first, end }) => {
    run.follow(step, stage, weights);
    run.computeGroups(first, end);
    return { sums: run.sums(), numbers: run.numbers() };
  },
  extend: ({ run }, { steps }) => run.extend(steps),
  file: ({ run }) => run.file(),
  checkpoint: ({ run }) => run.checkpoint(),
};

async function answer({ call, learner, method, request }) {
  try {
    const known = runs.get(learner);
    if (!plain[method] && !known) throw new Error("this run was closed. Start a new one");
    const value = await (plain[method] ? plain[method](learner, request) : of[method](known, request, learner));
    self.postMessage({ call, value }, method === "part" ? [value.sums.buffer, value.numbers.buffer] : []);
  } catch (error) {
    const crashed = error instanceof WebAssembly.RuntimeError;
    const words = crashed ? `an internal error stopped the training (${error.message})` : (error.message ?? String(error));
    self.postMessage({ call, fault: words, crashed });
  }
}

// One after another: a run whose GPU is computing can't be asked anything else.
let last = Promise.resolve();
self.onmessage = ({ data }) => {
  if (data.call !== undefined) last = last.then(() => answer(data));
};
self.postMessage({ event: "ready" });
