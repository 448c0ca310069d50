// Keeps the pages of this release, so that a phone and a screen open with the store out of reach.
// The store goes first (it is a metre away); what it cannot give comes from here. Data is never kept: a page
// that shows old data must know how old it is, and keeps that itself.

const CACHE = `endcap-${SHELL.digest}`;
const WAIT_MS = 2_500; // a store that is alive answers a file far sooner

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL.files)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("endcap-") && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const page = event.request.mode === "navigate" && /^\/(phone|screen|kiosk)(\/|$)/.test(url.pathname);
  const file = url.pathname.startsWith("/pages/");
  if (event.request.method !== "GET" || url.origin !== location.origin || !(page || file)) return;
  event.respondWith(answer(event.request, page ? url.pathname : event.request));
});

async function answer(request, key) {
  const cache = await caches.open(CACHE);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(WAIT_MS) });
    if (fresh.ok) cache.put(key, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
}
