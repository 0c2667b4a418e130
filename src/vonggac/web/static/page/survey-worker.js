/**
 * Opens the form of a survey without a line: what the page kept of itself is given out when the
 * network does not answer. It keeps nothing on its own; `survey.mjs` says what.
 */

const KEPT = "vonggac-survey-1";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function kept(request) {
  const cache = await caches.open(KEPT);
  return cache.match(request, { ignoreVary: true });
}

async function answered(request) {
  const isPage = request.mode === "navigate";
  if (!isPage) {
    // Styles and scripts are named by what is in them: what was kept is what the page wants.
    const found = await kept(request);
    if (found) return found;
  }
  try {
    return await fetch(request);
  } catch (error) {
    const found = await kept(request);
    if (found) return found;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answered(request));
});
