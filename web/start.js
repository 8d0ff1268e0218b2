// Starts the page. Not inline in index.html, so that the Content-Security-Policy can forbid inline scripts;
// Trunk writes the names of the two built files on this script's own element.
const { js, wasm } = document.getElementById("start").dataset;

/**
 * Keeps the page for offline, and takes a new version over as the page is loaded. While the page is open it says so:
 * `data-update="ready"` on <html>, and an event `update-ready` of the window. Reloading is then all there is to do.
 */
async function keepOffline() {
  const workers = navigator.serviceWorker;
  // insecure addresses have none, and some browsers none in private windows
  if (!workers) return;
  const before = await workers.getRegistration();
  if (before?.waiting && workers.controller) {
    const waiting = before.waiting;
    // Where no answer comes the old version is loaded, and nothing takes its worker away meanwhile.
    const allowed = await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = (event) => resolve(event.data);
      setTimeout(resolve, 5000, false);
      waiting.postMessage("may you take over?", [port2]);
    });
    if (allowed) {
      await new Promise((resolve) => {
        // Not `controllerchange`, which comes earlier: a reload in the middle of the activation was seen to load for ever.
        waiting.addEventListener("statechange", () => waiting.state === "activated" && resolve());
        setTimeout(resolve, 30_000);
        waiting.postMessage("take over");
      });
      location.reload();
      await new Promise(() => {});
    }
  }
  const announce = () => {
    document.documentElement.dataset.update = "ready";
    window.dispatchEvent(new Event("update-ready"));
  };
  // after the page itself has been loaded, so as not to take the network from it
  const register = async () => {
    const registration = await workers.register(new URL("sw.js", import.meta.url));
    const watch = (worker) =>
      worker?.addEventListener("statechange", () => {
        if (worker.state === "installed" && workers.controller) announce();
        if (worker.state === "activated") document.documentElement.dataset.offline = "ready";
      });
    if (registration.active) document.documentElement.dataset.offline = "ready";
    if (registration.waiting && workers.controller) announce();
    watch(registration.installing);
    registration.addEventListener("updatefound", () => watch(registration.installing));
  };
  const quietly = () => register().catch((error) => console.info(`This page will not be there offline: ${error.message}`));
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
