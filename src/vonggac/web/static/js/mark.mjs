/**
 * One key marks a moment: the server opens a case and holds the clip, and the rest of it can wait.
 *
 * What came of it is said in `#marked`, with the way to the case; the pictures go on meanwhile.
 */

import { el, rfc3339 } from "./page.mjs";

/** A sentence stays for so long, ms: long enough to reach its link by keyboard. */
const SAID_MS = 20_000;

/**
 * @param {any} page page data; without `links.case` the person may not mark, and nothing happens
 * @param {import("./page.mjs").Words} words
 * @returns {(moment: {camera: any, at: number, span?: {from: number, to: number} | null, via: "live" | "playback"} | null) => Promise<void>}
 */
export function marking(page, words) {
  let until = 0;
  /** @type {Set<string>} cameras whose mark is on its way */
  const sending = new Set();

  function tell(...content) {
    const place = document.getElementById("marked");
    if (place === null) return;
    place.replaceChildren(...content);
    place.hidden = false;
    until = performance.now() + SAID_MS;
    setTimeout(() => {
      if (performance.now() >= until - 50 && !place.contains(document.activeElement)) place.hidden = true;
    }, SAID_MS);
  }

  return async (moment) => {
    if (!page.links?.case) return;
    if (moment === null) {
      tell(words.say("mark_choose"));
      return;
    }
    const { camera, at, span, via } = moment;
    if (sending.has(camera.id)) return; // the key was held down
    sending.add(camera.id);
    const body = { camera: camera.id, at: rfc3339(at), via, ...(span ? { from: rfc3339(span.from), to: rfc3339(span.to) } : {}) };
    try {
      const response = await fetch(`${page.api}/cases`, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", [page.csrf.header]: page.csrf.token },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(8_000),
      });
      const answer = await response.json().catch(() => ({}));
      if (!response.ok) throw new Error(answer.error?.message ?? String(response.status));
      const held = answer.marks.every((/** @type {{hold: string | null}} */ one) => one.hold !== null);
      const filled = { case: answer.number, camera: camera.code, time: words.clock(at) };
      const said = held ? words.say("marked", filled) : words.say("marked_unheld", filled);
      tell(`${said} `, el("a", { href: page.links.case.replace("{case}", encodeURIComponent(answer.id)) }, words.say("mark_open")));
    } catch (error) {
      tell(words.say("mark_failed", { why: error.message }));
    } finally {
      sending.delete(camera.id);
    }
  };
}
