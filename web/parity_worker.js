// Compares this device with the references, by a build of the engine that holds the cases: the page's `?parity`.
// It takes the messages of web/package/port.js, with { bytes: Uint8Array, longest, gpu } as the request.
import init, { Core } from "./parity.js";

async function parity({ bytes, longest, gpu }) {
  await init({ module_or_path: new URL("./parity_bg.wasm", import.meta.url) });
  const found = gpu && navigator.gpu && (await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }));
  return new Core(bytes).parity(Boolean(found), longest);
}

self.onmessage = async ({ data: { call, request } }) => {
  if (call === undefined) return;
  try {
    self.postMessage({ call, value: await parity(request) });
  } catch (error) {
    self.postMessage({ call, fault: error.message ?? String(error) });
  }
};
self.postMessage({ event: "ready" });
