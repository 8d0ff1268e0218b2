// Lets contenders take turns, each in a worker of its own, and reports lines `case,contender,round,what,value`.
const post = (text) => fetch("report", { method: "POST", body: text });

/** A contender in its worker; see contender.js for what it can be asked. */
class Contender {
  #worker = new Worker("contender.js");
  #waiting;

  constructor() {
    this.#worker.onmessage = ({ data: { value, fault } }) => {
      if (fault === undefined) this.#waiting.resolve(value);
      else this.#waiting.reject(new Error(fault));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#waiting?.reject(new Error(event.message || "its worker has stopped"));
    };
  }

  ask(method, request) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#worker.postMessage({ method, request });
    });
  }

  end() {
    this.#worker.terminate();
  }
}

/** Weights, batches and losses of a case, by our own module. */
async function made(settings, plan) {
  const maker = new Contender();
  try {
    return await maker.ask("make", { settings: JSON.stringify(settings), batches: plan.batches });
  } finally {
    maker.end();
  }
}

/** All contenders of a case that can do it, warmed up. */
async function open(name, given, plan, report) {
  const all = new Map();
  for (const contender of plan.contenders) {
    const worker = new Contender();
    try {
      const { losses, first } = await worker.ask("open", { contender, given, plan });
      for (const [step, loss] of losses.entries()) await report(contender, step + 1, "loss", loss);
      await report(contender, 1, "first", first);
      all.set(contender, worker);
    } catch (error) {
      worker.end();
      await post(`failed ${name} on ${contender}: ${error.message}`);
    }
  }
  return all;
}

async function compare({ name, settings }, plan) {
  const report = (contender, round, what, value) => post(`${name},${contender},${round},${what},${value}`);
  const given = await made(settings, plan);
  for (const [step, loss] of given.losses.entries()) await report("reference", step + 1, "loss", loss);
  const all = await open(name, given, plan, report);
  for (let round = 1; round <= plan.rounds; round += 1) {
    const names = [...all.keys()];
    for (const i of names.keys()) {
      // each begins a round as often as the others
      const contender = names[(i + round) % names.length];
      try {
        await report(contender, round, "step", await all.get(contender).ask("turn"));
      } catch (error) {
        all.get(contender).end();
        all.delete(contender);
        await post(`failed ${name} on ${contender}: ${error.message}`);
      }
    }
  }
  for (const [contender, worker] of all) {
    const shares = await worker.ask("shares").catch(() => []);
    for (const [what, share] of shares) await report(contender, 1, `share of ${what}`, share);
    worker.end();
  }
}

async function main() {
  const plan = await (await fetch("plan.json")).json();
  for (const one of plan.cases) await compare(one, plan);
  await post("end");
  document.querySelector("#said").textContent = "Done.";
}

main().catch((error) => post(`error ${error?.stack ?? error}`));
