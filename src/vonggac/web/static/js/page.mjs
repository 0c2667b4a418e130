/**
 * What the server gave the page, and how numbers and times are written on it.
 *
 * README.md beside this file describes the page data. No words here: `Words` fills the page's own.
 */

import { Refused } from "./answers.mjs";

/** @returns {any} the page data */
export function pageData(root = document) {
  return JSON.parse(root.getElementById("page-data").textContent);
}

/** ns as a decimal string (a JSON number would lose digits) to ms, and back. */
export const msOf = (ns) => Number(BigInt(ns) / 1_000n) / 1_000;
export const nsOf = (ms) => (BigInt(Math.round(ms * 1_000)) * 1_000n).toString();
/** RFC 3339 UTC with milliseconds. */
export const rfc3339 = (ms) => new Date(Math.round(ms)).toISOString();

/** Texts of the page in its language, and times of the site. */
export class Words {
  /** @type {Intl.NumberFormat | null} */
  #decimal = null;

  /** @param {{texts: Record<string, string>, causes: Record<string, {letter: string, class: string, name: string}>, language: string, utc_offset_s: number}} page */
  constructor({ texts, causes, language, utc_offset_s: offset }) {
    this.texts = texts;
    this.causes = causes;
    this.offsetMs = offset * 1_000;
    this.language = language;
  }

  /** Made when it is first asked for: the browser takes 10 ms to read its tables. */
  get decimal() {
    this.#decimal ??= new Intl.NumberFormat(this.language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    return this.#decimal;
  }

  /** The text of `key` with its {placeholders} filled; a key without a text is shown as itself, and a test finds it. */
  say(key, values = {}) {
    const text = this.texts[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
  }

  /** "14:32:07" */
  clock(ms) {
    return this.#site(ms).toISOString().slice(11, 19);
  }

  /** ",200" */
  fraction(ms) {
    const part = String(Math.floor(((ms % 1_000) + 1_000) % 1_000)).padStart(3, "0");
    return `${this.decimal.format(0.1)[1]}${part}`;
  }

  /** "14:32" or "14:32:07", whichever says it exactly. */
  shortClock(ms) {
    const text = this.clock(ms);
    return text.endsWith(":00") ? text.slice(0, 5) : text;
  }

  /** "18/11/2026" */
  date(ms) {
    const [year, month, day] = this.day(ms).split("-");
    return `${day}/${month}/${year}`;
  }

  /** "2026-11-18", the site's day */
  day(ms) {
    return this.#site(ms).toISOString().slice(0, 10);
  }

  /** "Thứ Tư, 18/11/2026" */
  longDate(ms) {
    const names = this.say("weekdays").split(",");
    return `${names[this.#site(ms).getUTCDay()] ?? ""}, ${this.date(ms)}`;
  }

  /** ms of the site's midnight that begins `day` ("2026-11-18") */
  midnight(day) {
    return Date.parse(`${day}T00:00:00Z`) - this.offsetMs;
  }

  /** In words, cut and never rounded up: "2 giờ 25 phút". */
  duration(ms) {
    const s = Math.max(0, Math.floor(ms / 1_000));
    if (s < 60) return this.say("duration_s", { s });
    if (s < 3_600) return this.say("duration_m", { m: Math.floor(s / 60), s: s % 60 });
    if (s < 86_400) return this.say("duration_h", { h: Math.floor(s / 3_600), m: Math.floor((s % 3_600) / 60) });
    return this.say("duration_d", { d: Math.floor(s / 86_400), h: Math.floor((s % 86_400) / 3_600) });
  }

  /** @param {string | null} cause @returns {{letter: string, class: string, name: string}} */
  cause(cause) {
    return this.causes[cause ?? ""] ?? { letter: "?", class: "u", name: this.say("unknown") };
  }

  #site(ms) {
    return new Date(Math.floor(ms) + this.offsetMs);
  }
}

/** The server's clock as well as it is known here: the exchange that took least time is believed. */
export class ServerClock {
  #offset;
  #error = Infinity;

  /** @param {number} rendered ms since 1970 when the page was made; a first guess */
  constructor(rendered) {
    this.#offset = rendered - Date.now();
  }

  /** @param {number} server ms since 1970 @param {number} sent @param {number} received both by Date.now() */
  observe(server, sent, received) {
    const error = (received - sent) / 2;
    if (!Number.isFinite(server) || error > this.#error) return;
    this.#error = error;
    this.#offset = server - (sent + error);
  }

  now() {
    return Date.now() + this.#offset;
  }
}

/**
 * Asks the web server for grants.
 * @param {any} page page data
 * @param {ServerClock} clock
 * @returns {(nkey: string, cameras: string[], renews?: string) => Promise<import("./session.mjs").Grant>}
 */
export function grantsOf(page, clock) {
  return async (nkey, cameras, renews) => {
    if (page.purposes && page.purpose === "") {
      page.fault = "no_purpose"; // somebody is being asked for one
      throw new Refused("unavailable", "no purpose was chosen", page.fault);
    }
    const sent = Date.now();
    const response = await fetch(`${page.api}/grants`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", [page.csrf.header]: page.csrf.token },
      body: JSON.stringify({ nkey, cameras, streams: ["main", "sub"], purpose: page.purpose, note: page.note, shows: page.shows, renews }),
      signal: AbortSignal.timeout(8_000),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) {
      const kind = response.status === 401 || response.status === 403 ? "refused" : "unavailable";
      const why = answer.error?.detail?.code ?? answer.error?.kind ?? null;
      page.fault = why ?? kind;
      throw new Refused(kind, String(answer.error?.message ?? answer.message ?? response.status), why);
    }
    page.fault = null;
    const now = answer.now ? Date.parse(answer.now) : NaN;
    clock.observe(now, sent, Date.now());
    return { ...answer, lasts_ms: Date.parse(answer.expires) - (Number.isNaN(now) ? clock.now() : now) };
  };
}

/**
 * Gives a grant back when the page is left: the view is over now, not when its grant would have ended.
 * @param {any} page page data; a display shows until it is taken away
 * @returns {((grantId: string) => void) | null}
 */
export function givesBack(page) {
  if (page.display) return null;
  return (grantId) => {
    const headers = { [page.csrf.header]: page.csrf.token };
    fetch(`${page.api}/grants/${grantId}`, { method: "DELETE", credentials: "same-origin", keepalive: true, headers }).catch(() => {});
  };
}

/** Why the pictures ended, in the words of the server's code. @param {any} page @param {Words} words @param {{why: string | null}} session */
export function refusedWords(page, words, session) {
  const key = `refused_${session?.why}`;
  return page.texts?.[key] ? words.say(key) : words.say("session_refused");
}

/** A small element: `el("p", {class: "x"}, "text", child)`. Attributes that are null are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Letter, colour and pattern of a cause, with words after it. */
export function causeBadge({ class: name, letter }, words = "") {
  return el("span", { class: `gb gb-${name}` }, el("i", { "data-l": letter }), words);
}

/** Writes only what changed, so that a screen reader and the layout are left alone. */
export function show(name, text, root = document) {
  for (const element of root.querySelectorAll(`[data-show="${name}"]`)) {
    if (element.textContent !== text) element.textContent = text;
    element.hidden = text === "";
  }
}

/** One polite region a page, at most one sentence every ten seconds. */
export class PoliteRegion {
  #last = -Infinity;

  constructor(element) {
    this.element = element;
  }

  tell(sentence, now = performance.now()) {
    if (this.element === null || now - this.#last < 10_000) return;
    this.#last = now;
    this.element.textContent = sentence;
  }
}

/**
 * Buttons (`data-do`) and keys call the same actions.
 * @param {Record<string, (element: HTMLElement | null) => void>} actions by data-do
 * @param {(event: KeyboardEvent) => (() => void) | null} keyed what a key does
 */
export function wire(actions, keyed) {
  document.addEventListener("click", (event) => {
    const element = event.target.closest?.("[data-do]");
    const action = element && actions[element.dataset.do];
    if (!action) return;
    event.preventDefault();
    action(element);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keyed(event);
    if (act === null) return;
    event.preventDefault();
    act();
  });
}

/** Opens or closes a dialog of the page. */
export function toggleDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog?.open) dialog.close();
  else dialog?.showModal?.();
}
