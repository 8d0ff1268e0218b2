// Opens the card that meta-trains a learner. All else in this folder is loaded when somebody asks for it.

/** Shows the card in an element. `host` is what the page offers: see `web/training/src/card/host.rs`. */
export async function openTraining(element, host, settings) {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("./card.css", import.meta.url).href;
  const styled = new Promise((resolve) => {
    // without it the card is plain, and works
    style.onload = resolve;
    style.onerror = resolve;
  });
  document.head.append(style);
  const { default: init, openCard } = await import("./training.js");
  await Promise.all([init({ module_or_path: new URL("./training_bg.wasm", import.meta.url) }), styled]);
  openCard(element, host, settings);
}
