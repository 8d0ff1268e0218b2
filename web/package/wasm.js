// Finds the engine's WebAssembly: beside this file, where the program says, or inside `inline.js`.

/** How WebAssembly begins: \0asm. */
const MAGIC = [0, 0x61, 0x73, 0x6d];

let shipped;

/** The bytes of a file, where a program may read files: in Node. */
export async function file(path) {
  const reader = globalThis.process?.getBuiltinModule?.("node:fs/promises");
  if (!reader) throw new Error(`${path} could not be read: expected an address that can be fetched, or Node 20.16, 22.3 or newer`);
  try {
    return new Uint8Array(await reader.readFile(path));
  } catch (error) {
    throw new Error(`${path} could not be read (${error.message})`);
  }
}

const isFile = (address) => address.startsWith("file:") && Boolean(globalThis.process?.versions?.node);

/** The answer to a request, or an error in words. */
async function answered(address) {
  const text = String(address?.url ?? address);
  let response;
  try {
    response = await fetch(address);
  } catch (error) {
    const hint = "If it is on another site, that site must allow it (Access-Control-Allow-Origin)";
    throw new Error(`${text} could not be fetched (${error.message}). ${hint}`);
  }
  if (!response.ok) throw new Error(`${text} could not be fetched: the server answered ${response.status}`);
  return response;
}

/** The bytes at an address. */
export async function fetched(address) {
  const text = String(address?.url ?? address);
  if (isFile(text)) return file(new URL(text));
  return new Uint8Array(await (await answered(address)).arrayBuffer());
}

/** Compiles what is at an address, while it comes where the server names its type. */
async function compiledAt(address) {
  const text = String(address?.url ?? address);
  if (isFile(text)) return compiled(await file(new URL(text)), text);
  return compiledFrom(await answered(address), text);
}

async function compiledFrom(response, from) {
  const named = response.headers.get("content-type")?.startsWith("application/wasm");
  if (named && WebAssembly.compileStreaming) return WebAssembly.compileStreaming(response);
  return compiled(new Uint8Array(await response.arrayBuffer()), from);
}

/** Compiles bytes, or says what they are instead. */
async function compiled(bytes, from) {
  if (MAGIC.every((byte, i) => bytes[i] === byte)) return WebAssembly.compile(bytes);
  const begins = new TextDecoder().decode(bytes.subarray(0, 200)).trim();
  const what = /^<(!--|!doctype|html|head|body)/i.test(begins) ? "a web page (HTML)" : `${bytes.length} bytes of something else`;
  throw new Error(`expected WebAssembly at ${from}, found ${what}. Serve the package's engine_bg.wasm there, or name its address: Learner.configure({ wasm })`);
}

/** What was given in the place of the shipped file, as a compiled module. */
async function given(source) {
  const wasm = await (typeof source === "function" ? source() : source);
  if (wasm instanceof WebAssembly.Module) return wasm;
  if (ArrayBuffer.isView(wasm)) return compiled(new Uint8Array(wasm.buffer, wasm.byteOffset, wasm.byteLength), "the bytes given");
  if (wasm instanceof ArrayBuffer) return compiled(new Uint8Array(wasm), "the bytes given");
  if (typeof Response !== "undefined" && wasm instanceof Response) return compiledFrom(wasm, wasm.url);
  return compiledAt(wasm);
}

/** Where the shipped file lies; nothing where the program was bundled into a form that does not know. */
export function address() {
  try {
    return new URL("./engine_bg.wasm", import.meta.url).href;
  } catch {
    return undefined;
  }
}

/** Vite's development server keeps a copy of the package's scripts there, and nothing else of it. */
export const apart = () => address()?.includes("/.vite/deps") ?? true;

/** The file beside this one; a bundler that does not know WebAssembly has left it out, then the copy in `inline.js`. */
async function own() {
  let fault = new Error("this program does not know where it was loaded from");
  if (!apart()) {
    try {
      return await compiledAt(address());
    } catch (error) {
      fault = error;
    }
  }
  let inline;
  try {
    inline = await import("./inline.js");
  } catch {
    throw fault;
  }
  return WebAssembly.compile(await unpacked(inline.wasm));
}

/** Bytes that were gzipped and written in base64. */
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The engine, compiled; once for all learners, unless `source` was given. */
export function engine(source) {
  if (source !== undefined) return given(source);
  shipped ??= own();
  // another try may find the network again
  shipped.catch(() => (shipped = undefined));
  return shipped;
}
