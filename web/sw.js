// Keeps the page for when there is no network, whole versions at a time: `cargo xtask page` writes the three values.
// A new version is fetched beside the old one, every file checked against its digest, and taken over when all tabs are
// closed or a visitor asks for it (see start.js), so that no visit ever mixes two versions.
const VERSION = "@VERSION@";
/** What the page needs, with the beginning of each file's SHA-256. */
const FILES = @FILES@;
/** What is kept once somebody has asked for it. */
const LATER = @LATER@;

const PREFIX = "page ";
const CACHE = PREFIX + VERSION;
const scope = new URL(self.registration.scope);
const key = (path, digest) => new URL(`${path}?${digest}`, scope).href;

async function digestOf(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 16);
}

/** The file of this version and no other, or an error. */
async function fetched(path, digest) {
  for (const cache of ["default", "reload"]) {
    const response = await fetch(new URL(path, scope), { cache });
    if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
    const bytes = await response.arrayBuffer();
    if ((await digestOf(bytes)) === digest) return new Response(bytes, { headers: response.headers });
  }
  throw new Error(`${path} belongs to another version`);
}

async function keep(cache, path, digest) {
  const at = key(path, digest);
  // what has not changed is taken from the version before
  const response = (await caches.match(at)) ?? (await fetched(path, digest));
  await cache.put(at, response);
}

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      await Promise.all(Object.entries(FILES).map(([path, digest]) => keep(cache, path, digest)));
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

// A visitor has asked for the new version. Another tab in the middle of the old one is loaded anew as well (see start.js).
self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
});

async function answer(request, path, digest) {
  const at = key(path, digest);
  const cache = await caches.open(CACHE);
  const kept = await cache.match(at);
  if (kept) return kept;
  const response = await fetch(request);
  // one that does not belong to this version is passed on, and not kept
  if (response.ok && (await digestOf(await response.clone().arrayBuffer())) === digest) await cache.put(at, response.clone());
  return response;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  const path = decodeURIComponent(url.pathname.slice(scope.pathname.length)) || "index.html";
  const digest = FILES[path] ?? LATER[path];
  if (digest) event.respondWith(answer(event.request, path, digest));
});
