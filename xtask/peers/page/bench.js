// Lets contenders take turns, each alone in a fresh frame, and reports lines `model,contender,round,what,value`.
const LABELS = 10;
const SIDE = 28;

const post = (text) => fetch("report", { method: "POST", body: text });

/** The parts of `NAME.bin`; see shaders/examples/page.rs. */
async function read(name, { inputs, shown, queries }) {
  const all = new Float32Array(await (await fetch(`case/${name}.bin`)).arrayBuffer());
  let at = 0;
  const part = (count, size) => {
    const rows = Array.from({ length: count }, (_, i) => all.slice(at + i * size, at + (i + 1) * size));
    at += count * size;
    return rows;
  };
  const data = { shown: part(shown, SIDE * SIDE), queries: part(queries, SIDE * SIDE) };
  data.inputs = all.slice(at, at + shown * inputs);
  at += shown * inputs;
  data.questions = part(queries, inputs);
  data.expected = part(queries, LABELS);
  data.labels = Array.from({ length: shown }, (_, i) => i % LABELS);
  return data;
}

/** One turn of one contender: it loads, answers, teaches; with `contexts` it does so with as many examples each. */
async function turn(model, contender, plan, contexts) {
  const frame = document.createElement("iframe");
  const loaded = new Promise((resolve, reject) => {
    window.contender = { model, contender, plan, contexts, resolve, reject };
  });
  const start = performance.timeOrigin + performance.now();
  frame.src = "frame.html";
  document.body.append(frame);
  try {
    const measured = await loaded;
    return contexts ? measured : { ...measured, load: measured.answered - start };
  } finally {
    frame.remove();
    // its threads and buffers go meanwhile
    await new Promise((resolve) => setTimeout(resolve, plan.pause));
  }
}

async function main() {
  const plan = await (await fetch("plan.json")).json();
  const out = new Set();
  for (const model of plan.models) {
    window.data = await read(model.name, { ...plan, ...model });
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const i of plan.contenders.keys()) {
        // each begins a round as often as the others
        const contender = plan.contenders[(i + round) % plan.contenders.length];
        if (out.has(`${model.name} ${contender}`)) continue;
        try {
          const measured = await turn(model.name, contender, plan);
          for (const what of ["answer", "teach", "load", "bytes", "wasm", "buffers", "difference"]) {
            await post(`${model.name},${contender},${round},${what},${measured[what]}`);
          }
        } catch (error) {
          out.add(`${model.name} ${contender}`);
          await post(`failed ${model.name} on ${contender}: ${error?.stack ?? error}`);
        }
      }
    }
    for (const contender of plan.growing) {
      try {
        for (const [context, measured] of await turn(model.name, contender, plan, model.contexts)) {
          for (const what of ["answer", "teach", "more"].filter((what) => !Number.isNaN(measured[what]))) {
            await post(`${model.name},${contender},${context},${what}-by-context,${measured[what]}`);
          }
        }
      } catch (error) {
        await post(`failed ${model.name} on ${contender} by context: ${error?.stack ?? error}`);
      }
    }
  }
  await post("end");
  document.querySelector("#said").textContent = "Done.";
}

main().catch((error) => post(`error ${error?.stack ?? error}`));
