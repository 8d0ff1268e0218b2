// Starts the page. Not inline in index.html, so that the Content-Security-Policy can forbid inline scripts;
// Trunk writes the names of the two built files on this script's own element.
const { js, wasm } = document.getElementById("start").dataset;

/**
 * Keeps the page for offline. A new version is taken when the page is opened after all its tabs were closed, or at once by
 * the button that says so; `data-update="ready"` on <html> tells that there is one. Never while a page is loading: a worker
 * that changes in the middle of that was seen to hang the tab for good (Chromium 156).
 */
async function keepOffline() {
  const workers = navigator.serviceWorker;
  // insecure addresses have none, and some browsers none in private windows; a page in an article keeps nothing
  if (!workers || "embed" in document.documentElement.dataset) return;
  const announce = (registration) => {
    if (document.documentElement.dataset.update === "ready") return;
    document.documentElement.dataset.update = "ready";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "news";
    button.dataset.testid = "take-update";
    button.textContent = "Update available. Reload";
    button.addEventListener("click", () => {
      button.disabled = true;
      registration.waiting?.postMessage("take over");
    });
    document.body.append(button);
  };
  // The worker of this page has changed, by the button here or in another tab: the rest of the old version is gone.
  let old = workers.controller;
  workers.addEventListener("controllerchange", () => {
    const now = workers.controller;
    if (old) {
      if (now.state === "activated") location.reload();
      else now.addEventListener("statechange", () => now.state === "activated" && location.reload());
    }
    old = now;
  });
  // after the page itself has been loaded, so as not to take the network from it
  const register = async () => {
    const registration = await workers.register(new URL("sw.js", import.meta.url));
    const watch = (worker) =>
      worker?.addEventListener("statechange", () => {
        if (worker.state === "installed" && workers.controller) announce(registration);
        if (worker.state === "activated") document.documentElement.dataset.offline = "ready";
      });
    if (registration.active) document.documentElement.dataset.offline = "ready";
    if (registration.waiting && workers.controller) announce(registration);
    watch(registration.installing);
    registration.addEventListener("updatefound", () => watch(registration.installing));
  };
  const quietly = () => register().catch((error) => console.info(`This page will not be available offline: ${error.message}`));
  if (document.readyState === "complete") setTimeout(quietly, 1000);
  else window.addEventListener("load", () => setTimeout(quietly, 1000), { once: true });
}

try {
  await keepOffline().catch(() => {});
  const { default: init } = await import(`./${js}`);
  await init({ module_or_path: new URL(wasm, import.meta.url) });
} catch (error) {
  const words = document.createElement("p");
  words.setAttribute("role", "alert");
  words.dataset.testid = "status";
  words.textContent = `This page could not start: ${error.message ?? error}. It needs a browser with WebAssembly (any of the last five years); reloading may help.`;
  document.body.prepend(words);
  throw error;
}
