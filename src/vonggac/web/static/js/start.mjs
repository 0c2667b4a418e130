/**
 * What a page with pictures begins with: its data, the server's clock, and the session.
 *
 * The page's head runs it right after the page data, before anything else is read or laid out: key,
 * grant and connection are on their way meanwhile. That is half of a wall's first picture.
 */

import { granted, ordered } from "./arrange.mjs";
import { remembered } from "./kept.mjs";
import { ServerClock, givesBack, grantsOf, msOf, pageData } from "./page.mjs";
import { recall } from "./purpose.mjs";
import { CAMERA_LIMIT, Session } from "./session.mjs";

/** A wall shows its frame after this, ms, also when the module that fills it does not come. */
const UNLAID_MS = 1_000;
/** Cameras of playback at once. */
export const IN_STEP = 4;

export const page = pageData();
export const clock = new ServerClock(msOf(page.server_now));
// The page was made between its request and the first byte of it: closer than a slow grant can tell.
const [opening] = performance.getEntriesByType("navigation");
if (opening?.responseStart > 0) {
  const { timeOrigin } = performance;
  clock.observe(msOf(page.server_now), timeOrigin + opening.requestStart, timeOrigin + opening.responseStart);
}

// A wall is laid out once, with its tiles: laid out before them it would hold up the connection.
const { dataset } = document.documentElement;
if (!page.selected) dataset.unlaid = "";
setTimeout(() => delete dataset.unlaid, UNLAID_MS);

recall(page);
const wanted = page.selected ? selected() : wall();

/** Null when there is nothing to see. */
export const session =
  wanted.length === 0
    ? null
    : new Session({ obtain: grantsOf(page, clock), release: givesBack(page), cameras: wanted, websocket: page.websocket });

function selected() {
  const allowed = new Set(page.cameras.filter((camera) => camera.allowed !== false).map((camera) => camera.id));
  return page.selected.filter((id) => allowed.has(id)).slice(0, IN_STEP);
}

function wall() {
  const { tiles, page: turned, order } = remembered(page.site);
  return granted(ordered(page.cameras, order), turned, tiles, CAMERA_LIMIT);
}
