/**
 * Playback: one to four cameras at one moment, and the timeline of their day.
 *
 * There is one playhead, `state.at`. While it moves, the leading camera's video is the clock; the
 * others are steered to it. A camera without a picture at that moment says so and why: the nearest
 * picture is never shown in its place. README.md beside this file says what markup is looked for.
 */

import { playable } from "./feed.mjs";
import { Words, causeBadge, el, msOf, nsOf, refusedWords, rfc3339, show, toggleDialog, wire } from "./page.mjs";
import { marking } from "./mark.mjs";
import { choiceOfPurpose } from "./purpose.mjs";
import { Reel } from "./reel.mjs";
import { DAY, SECOND, centred, following, neighbourGap, recordOf, recordedIn, stateAt, typedDay, typedTime, within, writtenDay, zoomed } from "./span.mjs";
import { IN_STEP, clock, page, session } from "./start.mjs";
import { Timeline } from "./timeline.mjs";

/** Faster than this, and backwards, only keyframes are shown. */
const SMOOTH_LIMIT = 4;
/** A keyframe stays at least this long, ms. */
const STILL_MS = 120;
/** What is fetched before it is needed, ms of recording at 1x. */
const AHEAD_MS = 4_000;
/** The timeline of today is asked for again after this, ms; and its density step, s. */
const REFRESH_MS = 10_000;
const DENSITY_S = 300;
/** The picture that was sought comes first: the timeline of another day is asked for when it is there, or after this, ms. */
const PICTURE_FIRST_MS = 1_000;
/** "Loading" is said after this, ms. */
const PATIENCE_MS = 300;
/** A sentence stays this long, ms. */
const SENTENCE_MS = 8_000;
/** A field without a value. */
const NOTHING = "–";
const FIRST_WINDOW = 90 * 60 * SECOND;

const words = new Words(page);
const markMoment = marking(page, words);
const cameras = (page.selected ?? [])
  .map((id) => page.cameras.find((camera) => camera.id === id && camera.allowed !== false))
  .filter((camera) => camera !== undefined)
  .slice(0, IN_STEP);

const startAt = page.at ? Date.parse(page.at) : clock.now() - 10 * SECOND;
const state = {
  at: startAt,
  playing: true,
  rate: 1,
  keyframes: false,
  day: dayOf(startAt),
  window: centred(startAt, FIRST_WINDOW, dayOf(startAt)),
  /** @type {{from: number | null, to: number | null}} */
  selection: { from: null, to: null },
  /** @type {string | null} camera shown alone */
  alone: null,
  loadingSince: 0,
  scrubbing: false,
};
/** @type {Map<string, import("./span.mjs").Record>} of the day shown */
const records = new Map();
/** @type {Set<string>} cameras whose timeline could not be had */
const unanswered = new Set();
let sayUntil = 0;
/** performance.now() from which the timeline is asked for whether or not pictures are there; Infinity: it is not wanted */
let recordsFrom = Infinity;
let lastFrame = performance.now();
let stepping = false;

function sessionChanged(name, since) {
  document.body.dataset.session = name;
  if (name === "lost") say(words.say("session_lost", { time: words.clock(since) }));
  if (name === "refused") say(refusedWords(page, words, session));
  if (name === "open") say("");
}

// -- pictures ---------------------------------------------------------------------------------------

class View {
  #drawn = "";

  /** @param {any} camera of the page data */
  constructor(camera) {
    this.camera = camera;
    this.video = el("video", { tabindex: "-1", "aria-hidden": "true" });
    this.card = el("div", { class: "card" });
    this.badge = el("span", { class: "badge" });
    this.pic = el("div", { class: "pic" }, this.video, this.card, el("div", { class: "over" }, this.badge));
    this.mark = el("span", { class: "mark" });
    this.time = el("time");
    this.article = el(
      "article",
      { class: "tile", tabindex: "0", "data-camera": camera.id },
      this.pic,
      el("footer", {}, el("span", { class: "code strong" }, camera.code), el("span", { class: "nm" }, camera.name), this.mark, this.time),
    );
    const { main, sub } = camera.streams;
    this.reel = new Reel({
      video: this.video,
      session,
      camera: camera.id,
      stream: sub && main?.codec && !playable(main.codec) ? "sub" : "main",
      hasSub: Boolean(sub),
      onchange: advance,
    });
  }

  /** What this camera has at a moment: its own word, and what the ledger says when it has none. */
  scene(at) {
    const scene = this.reel.scene(at);
    if (scene.kind === "ready" || scene.kind === "loading") return scene;
    const record = records.get(this.camera.id) ?? null;
    // More than a seam, and nobody has said yet why: the ledger is on its way.
    if (record === null && !unanswered.has(this.camera.id) && scene.kind === "gap" && scene.cause === null && scene.to - scene.from > SECOND) {
      return { kind: "loading" };
    }
    const known = stateAt(record, at);
    if (["gap", "expired", "before", "future"].includes(known.kind) && scene.kind !== "failed") return { ...scene, ...known };
    return scene;
  }

  /** @param {any} scene @param {number} at */
  draw(scene, at) {
    const ready = scene.kind === "ready";
    this.video.hidden = !(ready || (scene.kind === "loading" && performance.now() - state.loadingSince < PATIENCE_MS));
    const time = ready ? words.clock(this.reel.pictureAt(at)) : "";
    if (this.time.textContent !== time) this.time.textContent = time;
    const badge = ready ? words.say("reviewing", { date: words.date(at), time }) : "";
    if (this.badge.textContent !== badge) this.badge.textContent = badge;
    this.badge.hidden = badge === "";
    this.article.dataset.scene = scene.kind;
    const card = this.#card(scene, at);
    const drawn = JSON.stringify([card, scene.kind, this.reel.stream]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.card.className = `card ${card ? "state" : ""}`;
    this.card.replaceChildren(...(card ? this.#cardPieces(card) : []));
    const note = ready && this.reel.stream === "sub" ? [el("span", { class: "soft" }, words.say("sub_stream"))] : [];
    const mark = ready
      ? el("span", { class: "gb gb-rec" }, el("i", { "data-l": "" }), words.say("has_picture"))
      : causeBadge(card?.cause ?? { class: "u", letter: "?" }, scene.kind === "loading" ? words.say("loading") : words.say("without_picture"));
    this.mark.replaceChildren(...note, mark);
    this.article.setAttribute("aria-label", `${this.camera.code}, ${this.camera.name}: ${ready ? badge : card?.title ?? words.say("loading")}`);
  }

  #card(scene, at) {
    const title = words.say("no_picture_at", { time: words.clock(at) });
    switch (scene.kind) {
      case "ready":
        return null;
      case "loading":
        return performance.now() - state.loadingSince < PATIENCE_MS ? null : { title: words.say("loading"), lines: [], links: [] };
      case "gap": {
        const cause = scene.cause ? words.cause(scene.cause) : null;
        const said = {
          cause: cause?.name ?? words.say("no_picture"),
          from: words.clock(scene.from),
          to: words.clock(scene.to),
          length: words.duration(scene.to - scene.from),
        };
        const links = [
          { at: scene.to, words: words.say("to_time", { time: said.to }) },
          { at: scene.from - SECOND, words: words.say("back_to_time", { time: said.from }) },
        ];
        return { title, cause, lines: [words.say("gap_from_to", said)], links };
      }
      case "expired":
        return {
          title: words.say("expired"),
          lines: [words.say("expired_why", { time: `${words.clock(scene.to)} ${words.date(scene.to)}` })],
          links: [{ at: scene.to, words: words.say("to_time", { time: words.clock(scene.to) }) }],
        };
      case "before":
        return {
          title,
          cause: words.cause("not_in_service"),
          lines: [words.cause("not_in_service").name],
          links: [{ at: scene.to, words: words.say("to_time", { time: words.clock(scene.to) }) }],
        };
      case "future":
        return { title: words.say("not_yet"), lines: [], links: [] };
      case "failed":
        return this.reel.unplayable
          ? { title: words.say("codec_title", { codec: codecName(this.reel.unplayable) }), lines: [words.say("codec_why", { codec: codecName(this.reel.unplayable) })], links: [] }
          : { title, lines: [words.say("failed", { why: scene.why })], links: [] };
      default:
        return { title, lines: [words.say("unknown_why")], links: [] };
    }
  }

  #cardPieces({ title, cause, lines, links }) {
    const buttons = links.map((link) => el("button", { type: "button", class: "btn btn-s", "data-do": "at", "data-at": String(link.at) }, link.words));
    return [
      el("div", { class: `bar bar-${cause?.class ?? "none"}` }),
      el("h3", {}, ...(cause ? [causeBadge(cause)] : []), title),
      ...lines.map((line) => el("p", {}, line)),
      ...(buttons.length > 0 ? [el("div", { class: "row" }, ...buttons)] : []),
    ];
  }
}

const codecName = (codecs) => (/^(hvc1|hev1)/.test(codecs) ? "H.265" : codecs);

const views = cameras.map((camera) => new View(camera));
const timeline = new Timeline(document.getElementById("timeline"), words, {
  seek: (at, scrubbing) => {
    state.scrubbing = scrubbing;
    seek(at);
  },
  zoom: (factor, about) => setWindow(zoomed(state.window, factor, about, state.day)),
  pan: (ms) => setWindow(within({ from: state.window.from + ms, to: state.window.to + ms }, state.day)),
  centre: (at) => setWindow(centred(at, state.window.to - state.window.from, state.day)),
  select: (from, to) => select(from, to),
  point: (at) => show("pointer", at === null ? "" : words.clock(at)),
});

function arrangeViews() {
  const shown = views.filter((view) => state.alone === null || view.camera.id === state.alone);
  const root = document.getElementById("views");
  root.className = shown.length > 1 ? "quad" : "view panel";
  for (const view of views) if (!shown.includes(view)) view.reel.close();
  root.replaceChildren(...shown.map((view) => view.article));
  timeline.setCameras(shown.map((view) => view.camera));
  for (const view of shown) timeline.setRecord(view.camera.id, records.get(view.camera.id) ?? null);
  return shown;
}

let shownViews = [];

// -- the playhead -----------------------------------------------------------------------------------

/** Everything that depends on the moment, once a frame; cheap when nothing changes. */
function advance() {
  const now = performance.now();
  const passed = Math.min(now - lastFrame, 250);
  lastFrame = now;
  if (shownViews.length === 0) return;
  const scenes = shownViews.map((view) => view.scene(state.at));
  const loading = scenes.some((scene) => scene.kind === "loading");
  if (!loading) state.loadingSince = now;
  const fast = state.keyframes || Math.abs(state.rate) > SMOOTH_LIMIT || state.rate < 0;
  if (state.playing && !loading && !fast) playOn(scenes, passed);
  else if (state.playing && fast) stepOn(scenes, loading);
  else shownViews.forEach((view, index) => (scenes[index].kind === "ready" ? view.reel.still(state.at) : view.reel.pause()));
  shownViews.forEach((view, index) => view.draw(scenes[index], state.at));
  drawPlayhead();
  if (recordsFrom !== Infinity) loadDueRecords(now);
}

function playOn(scenes, passed) {
  const lead = scenes.findIndex((scene) => scene.kind === "ready");
  if (lead === -1) {
    overHole(scenes, 1);
    return;
  }
  const { reel } = shownViews[lead];
  const moving = !reel.video.paused && reel.settled;
  if (moving) {
    const next = reel.time;
    if (Math.abs(next - state.at) < 2_000 * Math.max(1, state.rate)) state.at = Math.max(state.at, next);
  }
  scenes.forEach((scene, index) => {
    const view = shownViews[index];
    if (scene.kind === "ready") view.reel.play(state.at, state.rate, index === lead);
    else view.reel.pause();
    view.reel.prefetch(state.at, AHEAD_MS * Math.max(1, state.rate));
  });
  // At the last picture of a GOP with nothing joined to it the video stands; the clock must not.
  const { gop } = scenes[lead];
  if (reel.dry && reel.scene(gop.to + 1).kind !== "ready") state.at = Math.min(gop.to + 1, state.at + Math.max(passed * state.rate, 1));
}

/** Keyframes, one after the other, as fast as they come but not faster than the speed asks. */
async function stepOn(scenes, loading) {
  if (stepping || loading) return;
  const direction = Math.sign(state.rate) || 1;
  if (scenes.every((scene) => scene.kind !== "ready")) {
    overHole(scenes, direction);
    return;
  }
  stepping = true;
  const began = performance.now();
  const ready = shownViews.filter((_, index) => scenes[index].kind === "ready");
  const keys = scenes.filter((scene) => scene.kind === "ready").map((scene) => scene.gop);
  ready.forEach((view, index) => view.reel.still(keys[index].from));
  const wanted = performance.now() + STILL_MS;
  while (performance.now() < wanted || (!ready.every((view) => view.reel.settled) && performance.now() < began + 1_000)) {
    await new Promise(requestAnimationFrame);
  }
  stepping = false;
  if (!state.playing) return;
  const step = direction * Math.max(Math.abs(state.rate), 1) * (performance.now() - began);
  const key = keys[0];
  const onward = direction > 0 ? Math.max(state.at + step, key.to + 1) : Math.min(state.at + step, key.from - 1);
  // slower than a GOP a step: wait on this keyframe rather than run ahead of the speed
  const arrived = direction > 0 ? state.at + step >= key.to : state.at + step < key.from;
  state.at = arrived ? onward : state.at + step;
}

/** No camera has a picture here: on to where the next one has, and it is said. */
function overHole(scenes, direction) {
  const holes = scenes.filter((scene) => scene.kind !== "ready" && scene.kind !== "loading");
  if (holes.length < scenes.length) return;
  if (holes.some((scene) => scene.kind === "future")) {
    if (state.rate > 1) state.rate = 1;
    say(words.say("end_of_recording"));
    return;
  }
  const passable = holes.filter((scene) => scene.kind === "gap");
  if (passable.length === 0) {
    // what was deleted is not passed over: a person chose this time, and reads why it is empty
    if (holes.every((scene) => ["expired", "before", "unknown"].includes(scene.kind))) setPlaying(false);
    return;
  }
  const target = direction > 0 ? Math.min(...passable.map((scene) => scene.to)) : Math.max(...passable.map((scene) => scene.from)) - SECOND;
  const { from, to, cause } = passable[0];
  if (to - from >= SECOND) {
    say(
      words.say("jumped", {
        length: words.duration(to - from),
        cause: cause ? words.cause(cause).name : words.say("no_picture"),
        from: words.clock(from),
        to: words.clock(to),
      }),
    );
  }
  state.at = target;
}

function drawPlayhead() {
  const day = dayOf(state.at);
  if (day.from !== state.day.from) changeDay(day, centred(state.at, state.window.to - state.window.from, day));
  else if (state.playing && !state.scrubbing) {
    const next = following(state.window, state.at, state.day);
    if (next !== state.window) setWindow(next);
  }
  timeline.setPlayhead(state.at);
  const exact = shownViews[0]?.reel.pictureAt(state.at) ?? state.at;
  for (const element of document.querySelectorAll('[data-show="at"]')) {
    const [text, fraction] = [words.clock(exact), words.fraction(exact)];
    if (element.dataset.text === text + fraction) continue;
    element.dataset.text = text + fraction;
    element.replaceChildren(text, el("small", {}, fraction));
    element.setAttribute("datetime", rfc3339(exact));
  }
  if (sayUntil && performance.now() > sayUntil) say("");
}

function seek(at) {
  state.at = Math.min(at, clock.now());
  state.loadingSince = performance.now();
  advance();
  refreshLinks();
}

// -- the day ----------------------------------------------------------------------------------------

function dayOf(at) {
  const from = words.midnight(words.day(at));
  return { from, to: from + DAY };
}

function changeDay(day, window) {
  state.day = day;
  records.clear();
  for (const view of views) view.reel.forgetHoles();
  setWindow(window);
  recordsFrom = performance.now() + PICTURE_FIRST_MS;
}

/** Whether the timeline is due: the pictures of the moment are on the screen, or let themselves be waited for. */
function loadDueRecords(now) {
  const there = shownViews.every(({ reel }) => {
    const { kind } = reel.scene(state.at);
    return kind !== "loading" && (kind !== "ready" || reel.settled);
  });
  if (!there && now < recordsFrom) return;
  recordsFrom = Infinity;
  loadRecords();
}

function setWindow(window) {
  state.window = window;
  timeline.setWindow(window, state.day);
  timeline.setPlayhead(state.at);
  drawSelection();
  show("date", words.longDate(state.day.from));
  show("window", words.say("viewing_window", { from: words.shortClock(window.from), to: window.to === state.day.to ? "24:00" : words.shortClock(window.to) }));
  const picker = document.getElementById("day");
  const day = writtenDay(words.day(state.day.from));
  if (picker && picker.value !== day) picker.value = day;
  const length = window.to - window.from;
  for (const button of document.querySelectorAll('[data-do="zoom"]')) {
    button.setAttribute("aria-pressed", String(Math.abs(Number(button.dataset.seconds) * SECOND - length) < SECOND));
  }
}

async function loadRecords() {
  const { day } = state;
  for (const view of shownViews) {
    try {
      const body = { stream: view.reel.stream, from: nsOf(day.from), to: nsOf(day.to), resolution_s: DENSITY_S };
      const answer = await session.ask(view.camera.id, "timeline", body);
      if (day.from !== state.day.from) return; // the person has moved on
      const record = recordOf(answer, day.from, day.to, DENSITY_S * SECOND, msOf);
      records.set(view.camera.id, record);
      unanswered.delete(view.camera.id);
      timeline.setRecord(view.camera.id, record);
      show("asof", words.say("as_of", { time: words.clock(record.asOf) }));
      if (record.spans.length === 0 && record.gaps.length === 0) say(words.say("nothing_day"));
    } catch (error) {
      unanswered.add(view.camera.id);
      say(words.say("failed", { why: error.message }));
    }
  }
  drawSelection();
}

// -- selection --------------------------------------------------------------------------------------

function select(from, to) {
  state.selection = { from, to };
  drawSelection();
}

function chosen() {
  const { from, to } = state.selection;
  return from !== null && to !== null && to > from ? { from, to } : null;
}

function drawSelection() {
  const { from, to } = state.selection;
  const both = chosen();
  const half = from !== null ? { from, to: from + 1 } : to !== null ? { from: to - 1, to } : null;
  timeline.setSelection(both ?? half);
  show("selection-from", from === null ? NOTHING : words.clock(from) + words.fraction(from));
  show("selection-to", to === null ? NOTHING : words.clock(to) + words.fraction(to));
  show("selection-length", both ? words.duration(both.to - both.from) : NOTHING);
  const record = records.get(shownViews[0]?.camera.id);
  const inDay = both && record && both.from >= record.from && both.to <= record.to;
  show(
    "selection-recorded",
    inDay
      ? words.say("recorded_of", { recorded: Math.floor(recordedIn(record, both) / SECOND), total: Math.round((both.to - both.from) / SECOND) })
      : NOTHING,
  );
  refreshLinks();
}

function refreshLinks() {
  const both = chosen();
  const camera = shownViews[0]?.camera.id ?? "";
  const filled = (link) =>
    link
      ?.replace("{camera}", encodeURIComponent(camera))
      .replace("{from}", encodeURIComponent(both ? rfc3339(both.from) : ""))
      .replace("{to}", encodeURIComponent(both ? rfc3339(both.to) : ""))
      .replace("{at}", encodeURIComponent(rfc3339(state.at)));
  for (const anchor of document.querySelectorAll("a[data-link]")) {
    const link = page.links?.[anchor.dataset.link];
    const href = both && link ? filled(link) : null;
    if (href) anchor.setAttribute("href", href);
    else anchor.removeAttribute("href");
    anchor.setAttribute("aria-disabled", String(!href));
  }
}

// -- what a person does -----------------------------------------------------------------------------

function say(sentence) {
  show("say", sentence);
  sayUntil = sentence ? performance.now() + SENTENCE_MS : 0;
}

function setPlaying(playing) {
  state.playing = playing;
  for (const button of document.querySelectorAll('[data-do="play"]')) {
    button.setAttribute("aria-pressed", String(playing));
  }
  advance();
}

function setRate(rate) {
  state.rate = rate;
  for (const button of document.querySelectorAll('[data-do="rate"]')) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.rate) === rate));
  }
  setPlaying(true);
}

/** One picture on or back; when it is not held yet, it is asked for and shown when it comes. */
function frame(direction, attempts = 20) {
  setPlaying(false);
  const next = shownViews.map((view) => view.reel.neighbour(state.at, direction)).find((at) => at !== null);
  if (next !== undefined) seek(next);
  else if (attempts > 0 && shownViews.some((view) => view.reel.scene(state.at).kind === "ready")) {
    setTimeout(() => frame(direction, attempts - 1), 50);
  }
}

function toGap(direction) {
  const gap = neighbourGap([...records.values()], state.at, direction);
  if (!gap) return;
  setPlaying(false);
  seek(gap.from);
  setWindow(following(state.window, state.at, state.day));
}

function otherDay(step) {
  const noon = state.day.from + DAY / 2 + step * DAY;
  const day = dayOf(noon);
  if (day.from > clock.now()) return;
  state.at = Math.min(day.from + (state.at - state.day.from), clock.now());
  changeDay(day, within({ from: state.window.from + step * DAY, to: state.window.to + step * DAY }, day));
  seek(state.at);
}

function mark(end) {
  const at = state.at;
  const { from, to } = state.selection;
  if (end === "from") select(at, to !== null && to > at ? to : null);
  else select(from !== null && from < at ? from : null, at);
}

async function snapshot() {
  const view = shownViews[0];
  const at = view.reel.pictureAt(state.at);
  try {
    const blob = await session.askBlob(view.camera.id, "snapshot", { stream: view.reel.stream, at: nsOf(at), width: null });
    const url = URL.createObjectURL(blob);
    const name = `${view.camera.code}_${words.day(at)}_${words.clock(at).replaceAll(":", "-")}.jpg`;
    el("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    say(words.say("failed", { why: error.message }));
  }
}

function alone(index) {
  const id = views[index]?.camera.id;
  if (id === undefined || views.length === 1) return;
  state.alone = state.alone === id ? null : id;
  shownViews = arrangeViews();
  advance();
  loadRecords();
}

function openCase() {
  const span = chosen();
  const at = span === null || (span.from <= state.at && state.at <= span.to) ? state.at : span.from;
  markMoment({ camera: shownViews[0].camera, at, span, via: "playback" });
}

/** L: 1, 2, 8 times; J: the same backwards. */
function shuttle(direction) {
  const ladder = [1, 2, 8];
  const now = state.playing && Math.sign(state.rate) === direction ? Math.abs(state.rate) : 0;
  const next = ladder.find((rate) => rate > now) ?? ladder.at(-1);
  setRate(direction > 0 ? next : -Math.max(2, next));
}

const actions = {
  play: () => {
    if (!state.playing && state.rate < 0) setRate(1);
    else setPlaying(!state.playing);
  },
  back: () => seek(state.at - 10 * SECOND),
  forward: () => seek(state.at + 10 * SECOND),
  "fast-back": () => shuttle(-1),
  "fast-forward": () => shuttle(1),
  stop: () => setPlaying(false),
  "frame-back": () => frame(-1),
  "frame-forward": () => frame(1),
  "gap-next": () => toGap(1),
  "gap-previous": () => toGap(-1),
  "zoom-in": () => setWindow(zoomed(state.window, 0.5, state.at, state.day)),
  "zoom-out": () => setWindow(zoomed(state.window, 2, state.at, state.day)),
  "zoom-day": () => setWindow(state.day),
  zoom: (button) => setWindow(centred(state.at, Number(button.dataset.seconds) * SECOND, state.day)),
  rate: (button) => setRate(Number(button.dataset.rate)),
  keyframes: (button) => {
    state.keyframes = !state.keyframes;
    button?.setAttribute("aria-pressed", String(state.keyframes));
  },
  "select-from": () => mark("from"),
  "select-to": () => mark("to"),
  "select-clear": () => select(null, null),
  "previous-day": () => otherDay(-1),
  "next-day": () => otherDay(1),
  "go-live": () => {
    state.rate = 1;
    seek(clock.now() - 3 * SECOND);
    setPlaying(true);
  },
  at: (button) => seek(Number(button.dataset.at)),
  alone: (button) => alone(Number(button.dataset.index)),
  goto: () => toggleDialog("goto"),
  keys: () => toggleDialog("keys"),
  case: openCase,
  snapshot,
};

function keyed({ key, shiftKey }) {
  if (/^[1-4]$/.test(key)) return () => alone(Number(key) - 1);
  const by = {
    " ": actions.play,
    ArrowLeft: shiftKey ? actions["frame-back"] : actions.back,
    ArrowRight: shiftKey ? actions["frame-forward"] : actions.forward,
    j: actions["fast-back"],
    k: actions.stop,
    l: actions["fast-forward"],
    g: shiftKey ? actions["gap-previous"] : actions["gap-next"],
    "+": actions["zoom-in"],
    "=": actions["zoom-in"],
    "-": actions["zoom-out"],
    "−": actions["zoom-out"],
    0: actions["zoom-day"],
    i: actions["select-from"],
    o: actions["select-to"],
    v: actions.case,
    t: actions.goto,
    "[": actions["previous-day"],
    "]": actions["next-day"],
    "?": actions.keys,
  };
  const action = by[key.length === 1 ? key.toLowerCase() : key];
  return action ? () => action(null) : null;
}

// -- start ------------------------------------------------------------------------------------------

if (views.length === 0) {
  document.getElementById("views").append(el("p", { class: "state" }, words.say("no_cameras")));
} else {
  shownViews = arrangeViews();
  setWindow(state.window);
  setRate(1);
  loadRecords();
  wire(actions, keyed);
  document.getElementById("day")?.addEventListener("change", ({ target }) => {
    const day = typedDay(target.value);
    const from = day === null ? NaN : words.midnight(day);
    if (!(from <= clock.now())) {
      target.value = writtenDay(words.day(state.day.from)); // no day, or not yet: as it was
      return;
    }
    seek(from + (state.at - state.day.from));
  });
  document.querySelector("dialog#goto form")?.addEventListener("submit", (event) => {
    const at = typedTime(String(new FormData(event.target).get("at") ?? ""));
    if (at === null) event.preventDefault();
    else seek(state.day.from + at);
  });
  document.addEventListener("visibilitychange", () => document.hidden && setPlaying(false));
  document.addEventListener("pointerup", () => (state.scrubbing = false));
  choiceOfPurpose(page, session, words);
  addEventListener("pagehide", () => session.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  const loop = () => {
    advance();
    requestAnimationFrame(loop);
  };
  loop();
  setInterval(() => {
    const today = clock.now() < state.day.to;
    if (today && !document.hidden) loadRecords();
  }, REFRESH_MS);
}
