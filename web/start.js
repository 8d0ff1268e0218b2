// Starts the page. Not inline in index.html, so that the Content-Security-Policy can forbid inline scripts;
// Trunk writes the names of the two built files on this script's own element.
const { js, wasm } = document.getElementById("start").dataset;

try {
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
