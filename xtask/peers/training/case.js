// What both peers need of a case.

/** Throws for learners whose formulas the peers do not have. */
export function check({ model }) {
  const known = model.variant === "shifted" && model.heads === 1 && model.key_shift === "full" && model.qk_norm;
  if (!known || model.positions !== "none") throw new Error("the peers know shifted keys with one head and q/k norm alone");
}

/** Labels `[B·T]` as rows of 0 and 1 `[B·T, C]`; with `tokens` those of the tokens before, and none before an episode's first. */
export function oneHot(labels, classes, tokens) {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, i) => {
    if (!tokens) rows[i * classes + label] = 1;
    else if ((i + 1) % tokens) rows[(i + 1) * classes + label] = 1;
  });
  return rows;
}

/** Learning rate of a step, counted from 0. */
export const rate = ({ rate, warmUp }, step) => rate * Math.min((step + 1) / warmUp, 1);
