// Workers that compute parts of a batch for the one that takes the steps. What comes of it does not depend on how many
// there are, to the bit.

/** Most workers that compute a batch, with the one that takes the steps. */
const MOST = 4;

/** How many help where nobody says: the page itself keeps a core. */
const usual = () => Math.min(MOST, (navigator.hardwareConcurrency ?? 2) - 1) - 1;

class Helper {
  #calls = new Map();
  #number = 0;
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

  constructor() {
    this.#worker.onmessage = ({ data: { call, value, fault } }) => {
      const waiting = this.#calls.get(call);
      this.#calls.delete(call);
      if (fault === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(fault));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#calls.values()) reject(new Error(event.message || "a worker has stopped"));
    };
  }

  ask(learner, method, request) {
    this.#number += 1;
    const call = this.#number;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#worker.postMessage({ call, learner, method, request });
    });
  }

  end() {
    this.#worker.terminate();
  }
}

let helpers = [];
/** The run that they follow. */
let followed;
/** Whether they could not be started, or have failed: then this worker computes alone. */
let alone = false;

function end(error) {
  console.info(`Training uses one core: ${error.message}`);
  helpers.forEach((helper) => helper.end());
  [helpers, alone] = [[], true];
}

/** Has so many helpers follow a run; they leave the run before. */
async function gather(number, run, wanted) {
  try {
    while (helpers.length > wanted) helpers.pop().end();
    while (helpers.length < wanted) helpers.push(new Helper());
    const bytes = run.checkpoint();
    await Promise.all(
      helpers.map(async (helper) => {
        if (followed !== undefined && followed !== number) await helper.ask(followed, "close", {});
        await helper.ask(number, "resume", { bytes });
      }),
    );
    followed = number;
  } catch (error) {
    // such as where workers may not start workers
    end(error);
  }
}

/** One step of a run, together with those who follow it. */
export async function advance(number, run, count) {
  const groups = run.groups();
  const wanted = alone ? 0 : Math.min(count ?? usual(), groups - 1);
  // a later stage of a curriculum has more groups
  if (wanted > 0 && (followed !== number || helpers.length < wanted)) await gather(number, run, wanted);
  const size = followed === number ? Math.min(helpers.length + 1, groups) : 1;
  if (size === 1) return run.advance();
  const share = (rank) => Math.floor((rank * groups) / size);
  const { step, stage } = run;
  const weights = run.weights();
  const asked = helpers
    .slice(0, size - 1)
    .map((helper, at) => helper.ask(number, "part", { step, stage, weights, first: share(at + 1), end: share(at + 2) }));
  let parts;
  try {
    run.computeGroups(0, share(1));
    parts = await Promise.all(asked);
    parts.forEach(({ sums, numbers }, at) => run.addGroups(sums, numbers, share(at + 2) - share(at + 1)));
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    // nothing of the run has changed so far
    end(error);
    return run.advance();
  }
  return run.advanceWithGroups();
}
