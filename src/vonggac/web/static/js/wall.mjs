/**
 * The wall: which tiles there are, which of them play which stream, and what each one says.
 *
 * Nothing changes place by itself; the only thing that turns a page unasked is cycling, with a
 * countdown in sight. README.md beside this file says what markup is looked for.
 */

import { LivePicture } from "./player.mjs";
import { openedAhead, playable } from "./feed.mjs";
import { PoliteRegion, Words, causeBadge, el, refusedWords, rfc3339, show, toggleDialog, wire } from "./page.mjs";
import { CAMERA_LIMIT } from "./session.mjs";
import { granted, gridOf, moved, ordered, pageOf, pagesOf, streamFor, visibleFirst } from "./arrange.mjs";
import { keep, remembered } from "./kept.mjs";
import { keptLayouts } from "./layouts.mjs";
import { changeOfPerson } from "./person.mjs";
import { marking } from "./mark.mjs";
import { choiceOfPurpose } from "./purpose.mjs";
import { clock, page, session } from "./start.mjs";

/** Looks at every tile this often, ms. */
const TICK_MS = 200;
/** A page has long been laid out after this, ms. */
const LAID_OUT_MS = 1_000;
/** A page stays this long while cycling, s (ours). */
const CYCLE_S = 20;
/** Live tiles at once on a phone. */
const PHONE_LIVE = 2;
const PHONE = matchMedia("(max-width: 767px)");
/** A stream that is asked for in place of another one and brings no picture is given up after this, ms. */
const SWITCH_MS = 8_000;
/** How often a tile says how old its picture is: faster than this it would flicker. */
const LAG_MS = 1_000;
/** Tiles are built when the connection is open, or after this, ms: building them holds the only thread that opens it. */
const CONNECTION_FIRST_MS = 120;
const UNKNOWN = { letter: "?", class: "u" };

const words = new Words(page);
const grid = document.getElementById("wall");
const mark = marking(page, words);
const region = new PoliteRegion(document.getElementById("say"));

const state = {
  ...remembered(page.site),
  ...page.layout, // of a display or a share, which nobody arranges
  /** @type {string | null} camera */
  enlarged: null,
  cycleAt: 0,
  sound: false,
  laidOut: false,
};
const cameras = ordered(page.cameras, state.order);
/** @type {Map<string, Tile>} */
const tiles = new Map();
/** @type {HTMLVideoElement[]} for the first tiles; their sources open while the connection does */
const ahead = [];
/** @type {string | null} camera of the tile that had the focus last */
let looked = null;
/** @type {Map<string, number>} how much of each tile is in view, on a phone */
const inView = new Map();

// -- one tile ---------------------------------------------------------------------------------------

class Tile {
  #said = "";
  #card = "";
  #lagAt = -LAG_MS;

  /** @param {any} camera of the page data @param {HTMLElement} article */
  constructor(camera, article) {
    this.camera = camera;
    this.article = article;
    /** @type {"main" | "sub" | null} chosen by a person with S; null: by size */
    this.chosen = null;
    this.pic = article.querySelector(".pic") ?? article.appendChild(el("div", { class: "pic" }));
    this.video = ahead.pop() ?? el("video");
    this.video.tabIndex = -1;
    this.video.ariaHidden = "true";
    this.card = el("div", { class: "card" });
    this.pic.append(this.video, this.card);
    const footer = article.querySelector("footer") ?? article.appendChild(el("footer"));
    this.mark = el("span", { class: "mark" });
    this.lag = el("span", { class: "lat soft" });
    this.time = el("time");
    footer.replaceChildren(
      el("span", { class: "code strong" }, camera.code),
      ...(camera.zone ? [el("span", { class: "zone soft", title: camera.zone.name }, camera.zone.code)] : []),
      el("span", { class: "nm" }, camera.name),
      this.mark,
      this.lag,
      this.time,
    );
    this.live = session && camera.allowed !== false ? this.#picture(this.video) : null;
    /** @type {{live: LivePicture, video: HTMLVideoElement, since: number} | null} the other stream, until its first picture */
    this.next = null;
  }

  #picture(video) {
    const onfirst = () => this.#uncover();
    return new LivePicture({ video, session, camera: this.camera.id, serverNow: () => clock.now(), onfirst });
  }

  /** @param {boolean} wanted */
  play(wanted) {
    if (this.live === null) return;
    if (!wanted) {
      this.#dropNext();
      if (this.live.isOpen) this.live.close();
      return;
    }
    const width = pictureWidth(this) * devicePixelRatio;
    const stream = this.chosen ?? streamFor(this.camera.streams, width, state.enlarged === this.camera.id, playable);
    if (!this.live.isOpen || this.live.status.wall === null) {
      this.#dropNext();
      if (!this.live.isOpen || this.live.status.stream !== stream) this.#open(this.live, stream);
    } else if (this.live.status.stream === stream) {
      this.#dropNext();
    } else if (this.next?.live.status.stream !== stream) {
      this.#dropNext();
      this.#beginNext(stream);
    }
  }

  /** The present picture stays until the other stream has one. */
  #beginNext(stream) {
    const video = el("video", { tabindex: "-1", "aria-hidden": "true" });
    this.pic.insertBefore(video, this.video); // below the present one
    this.next = { video, live: this.#picture(video), since: performance.now() };
    this.#open(this.next.live, stream);
  }

  #open(live, stream) {
    const { codec, audio_codec: audio } = this.camera.streams[stream] ?? {};
    live.open(stream, [codec, audio].filter(Boolean).join(","));
  }

  #dropNext() {
    this.next?.live.close();
    this.next?.video.remove();
    this.next = null;
  }

  #changeOver(now) {
    const { live, video, since } = this.next;
    const status = live.tick(now);
    if (status.problem === "codec" || status.problem === "forbidden" || now - since > SWITCH_MS) {
      if (this.live.status.stream !== this.chosen) this.chosen = this.live.status.stream;
      this.#dropNext();
    } else if (status.wall !== null) {
      this.live.close();
      this.video.remove();
      Object.assign(this, { live, video, next: null });
    }
  }

  /** @param {number} now performance.now() */
  tick(now) {
    if (this.next !== null) this.#changeOver(now);
    const status = this.live?.tick(now) ?? null;
    if (status?.problem === "codec" && status.stream === "main" && this.camera.streams.sub) {
      this.chosen = "sub"; // H.265 that this browser cannot play: the sub stream instead
      this.#open(this.live, "sub");
    }
    this.#draw(status);
    if (now - this.#lagAt >= LAG_MS) {
      this.#lagAt = now;
      this.#age(status);
    }
    return status;
  }

  /**
   * The first picture is seen at once; words about it wait for the next tick, since each of them lays
   * the wall out again while other tiles have no picture yet.
   */
  #uncover() {
    const now = performance.now();
    if (this.next !== null) {
      this.tick(now); // the other stream takes the place of the present one
      return;
    }
    const kind = kindOf(this.live.tick(now));
    if (!["live", "late"].includes(kind)) return;
    this.article.dataset.look = kind;
    this.video.hidden = false;
  }

  #draw(status) {
    const { article } = this;
    const view = status === null ? { look: "denied" } : status;
    const kind = this.live?.isOpen === false ? "paused" : kindOf(view);
    article.dataset.look = kind;
    article.dataset.stream = view.stream ?? "";
    if (view.latency != null) article.dataset.latency = String(Math.round(view.latency));
    if (view.dropped != null) article.dataset.dropped = String(view.dropped);
    if (view.first != null) article.dataset.first = String(Math.round(view.first));
    article.classList.toggle("tile-stall", kind === "stale");
    article.classList.toggle("tile-gap", kind === "gap");
    const time = view.wall == null || ["removed", "gap", "ended"].includes(kind) ? "" : words.clock(view.wall);
    if (this.time.textContent !== time) this.time.textContent = time;
    this.video.hidden = !["live", "late", "stale"].includes(kind);
    this.#caption(kind, view);
    this.#cover(kind, view);
  }

  /** How long ago what is seen was taken; what is late says so in its mark. */
  #age(status) {
    const isLive = this.article.dataset.look === "live" && status?.latency != null;
    const said = isLive ? `${words.decimal.format(status.latency / 1_000)} s` : "";
    if (this.lag.textContent !== said) this.lag.textContent = said;
  }

  #caption(kind, view) {
    const mark = markOf(kind, view);
    const key = `${mark.class}|${mark.words}|${this.#streamNote(view)}`;
    if (key === this.#said) return;
    this.#said = key;
    const note = this.#streamNote(view);
    this.mark.replaceChildren(
      ...(note ? [el("span", { class: "soft" }, note)] : []),
      mark.cause ? causeBadge(mark.cause, mark.words) : el("span", { class: mark.class }, mark.words),
    );
    this.article.setAttribute("aria-label", `${this.camera.code}, ${this.camera.name}: ${mark.words}`);
  }

  /** Named when it is not the stream that a person would expect. */
  #streamNote(view) {
    if (view.wall == null || !this.camera.streams.sub) return "";
    if (state.enlarged === this.camera.id && view.stream === "sub") return words.say("sub_stream");
    return state.enlarged === null && view.stream === "main" && this.chosen ? words.say("main_stream") : "";
  }

  #cover(kind, view) {
    const card = cardOf(kind, view, this.camera);
    const key = JSON.stringify(card);
    if (key === this.#card) return;
    this.#card = key;
    this.card.className = `card ${card.class}`;
    this.card.replaceChildren(...drawnCard(card));
  }
}

/** One word for what a tile shows. */
function kindOf(view) {
  if (view.look === "denied") return "denied";
  if (view.problem === "forbidden") return "denied";
  if (session?.state === "refused") return "ended";
  if (view.problem === "codec") return "codec";
  if (view.look === "removed") return view.state === "gap" ? "gap" : "removed";
  if (view.look === "blank" && view.state === "gap") return "gap";
  if (view.look === "blank" && view.problem === "unavailable") return "removed";
  return view.look;
}

function markOf(kind, view) {
  switch (kind) {
    case "live":
      return { class: "live", words: words.say("live") };
    case "late":
      return { class: "live live-late", words: words.say("late", { age: words.decimal.format(view.age / 1_000) }) };
    case "stale": // the camera is only accused when the box says so
      return view.state === "stalled"
        ? { class: "", words: words.cause("stalled").name, cause: words.cause("stalled") }
        : { class: "", words: words.say("no_picture"), cause: UNKNOWN };
    case "gap":
      return { class: "", words: words.say("not_recording"), cause: words.cause(view.cause) };
    case "removed":
      return { class: "soft", words: words.say("no_picture") };
    case "denied":
      return { class: "badge", words: words.say("denied_title") };
    case "ended":
      return { class: "badge", words: words.say("ended_title") };
    case "codec":
      return { class: "soft", words: words.say("recording") };
    case "paused":
      return { class: "soft", words: words.say("out_of_view") };
    default:
      return { class: "soft", words: view.state === "opening" ? words.say("opening") : words.say("waiting") };
  }
}

/** What lies over or instead of the picture: plain values, so that nothing is redrawn without need. */
function cardOf(kind, view, camera) {
  const now = clock.now();
  switch (kind) {
    case "stale":
      return {
        class: "veil",
        title: words.say("stale"),
        big: words.say("stale_at", { time: words.clock(view.wall) }),
        lines: [whyStale(view)],
      };
    case "gap": {
      const since = Math.max(view.since ?? 0, view.wall ?? 0) || now; // what was shown was not missing
      return {
        class: "state",
        cause: words.cause(view.cause),
        title: words.cause(view.cause).name,
        lines: [words.say("gap_since", { time: words.clock(since), age: words.duration(now - since) }), words.cause(view.cause).next ?? words.say("gap_retry")],
        link: review(camera, since),
      };
    }
    case "removed":
      return {
        class: "state",
        title: words.say("no_picture"),
        lines: view.wall === null ? [] : [words.say("no_picture_why", { time: words.clock(view.wall) })],
        link: view.wall === null ? null : review(camera, view.wall),
      };
    case "denied":
      return { class: "state", title: words.say("denied_title"), lines: [words.say("denied_why")] };
    case "ended": // a right that is gone leaves no picture behind
      return { class: "state", title: words.say("ended_title"), lines: [refusedWords(page, words, session)] };
    case "codec": {
      const codec = /^(hvc1|hev1)/.test(view.codec) ? "H.265" : view.codec;
      return { class: "state", title: words.say("codec_title", { codec }), lines: [words.say("codec_why", { codec })] };
    }
    default:
      return { class: "", lines: [] };
  }
}

function whyStale(view) {
  if (session.state !== "open") return sessionWords(session.state, session.since) || words.say("session_renewing");
  if (view.state === "stalled") return words.say("stale_why", { age: words.duration(view.age) });
  return words.say("no_picture_why", { time: words.clock(view.wall) });
}

function drawnCard({ class: name, cause, title, big, lines, link }) {
  if (!name) return [];
  if (name === "veil") {
    const plate = el("div", { class: "plate" }, el("b", { class: "warn" }, title), el("span", { class: "age" }, big));
    plate.append(...lines.map((line) => el("p", {}, line)));
    return [plate];
  }
  const head = el("h3", {}, ...(cause ? [causeBadge(cause)] : []), title);
  const row = link ? [el("div", { class: "row" }, el("a", { class: "btn btn-s", href: link.href }, link.words))] : [];
  return [el("div", { class: `bar bar-${cause?.class ?? "none"}` }), head, ...lines.map((line) => el("p", {}, line)), ...row];
}

function review(camera, wall) {
  const last = wall - 1_000;
  const href = playbackLink(camera, last);
  return href ? { href, words: words.say("review_until", { time: words.clock(last) }) } : null;
}

function playbackLink(camera, at) {
  return page.links?.playback?.replace("{camera}", encodeURIComponent(camera.id)).replace("{at}", encodeURIComponent(rfc3339(at))) ?? null;
}

// -- the page as a whole ----------------------------------------------------------------------------

function shown() {
  return state.enlarged === null
    ? pageOf(cameras, state.page, state.tiles)
    : cameras.filter((camera) => camera.id === state.enlarged);
}

function tileOf(camera) {
  const known = tiles.get(camera.id);
  if (known) return known;
  const found = grid.querySelector(`article.tile[data-camera="${CSS.escape(camera.id)}"]`);
  const article = found ?? el("article", { class: "tile", tabindex: "0", "data-camera": camera.id });
  const tile = new Tile(camera, article);
  tiles.set(camera.id, tile);
  observer?.observe(article);
  return tile;
}

const shape = () => gridOf(state.enlarged === null ? state.tiles : 1);

/**
 * CSS pixels. As the page begins it is reckoned from the window, since asking would lay everything out
 * before the first stream is asked for; LAID_OUT_MS later it is asked, and a stream that does not fit changes.
 */
function pictureWidth({ pic }) {
  return state.laidOut ? pic.clientWidth : outerWidth / shape().columns;
}

/** Puts the tiles of this page into the grid, and starts and stops pictures. */
function arrange() {
  const present = shown();
  const ids = new Set(present.map((camera) => camera.id));
  const articles = present.map((camera) => tileOf(camera).article);
  for (const child of [...grid.children]) if (!articles.includes(child)) child.remove();
  articles.forEach((article, index) => {
    if (grid.children[index] !== article) grid.insertBefore(article, grid.children[index] ?? null);
    article.toggleAttribute("aria-expanded", false);
    if (state.enlarged !== null) article.setAttribute("aria-expanded", "true");
  });
  const { columns, rows } = shape();
  grid.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
  session?.want(granted(cameras, state.page, state.tiles, CAMERA_LIMIT));
  for (const [id, tile] of tiles) if (!ids.has(id)) tile.play(false);
  playWanted();
  controls();
  keep(page.site, state);
  setTimeout(tick); // the questions of these tiles leave first
}

/** Which of the tiles in the grid play: all on a desk in sight, the two most visible on a phone, none when hidden. */
function playWanted() {
  const present = shown().map((camera) => camera.id);
  const playing = document.hidden ? [] : PHONE.matches ? visibleFirst(present, inView, PHONE_LIVE) : present;
  for (const id of present) tiles.get(id)?.play(playing.includes(id));
}

function controls() {
  for (const button of document.querySelectorAll('[data-do="layout"]')) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.tiles) === state.tiles));
  }
  for (const button of document.querySelectorAll('[data-do="cycle"]')) button.setAttribute("aria-pressed", String(state.cycling));
  for (const button of document.querySelectorAll('[data-do="sound"]')) button.setAttribute("aria-pressed", String(state.sound));
  show("page", String(state.page + 1));
  show("pages", String(pagesOf(cameras.length, state.tiles)));
  show("cameras", String(cameras.length));
}

function tick() {
  const now = performance.now();
  const counts = { live: 0, late: 0, stale: 0, missing: 0, unseen: 0 };
  for (const { id } of shown()) {
    const tile = tiles.get(id);
    tile.tick(now);
    const kind = tile.article.dataset.look;
    if (kind === "gap" && tile.counted !== "gap") gapBegan(tile);
    tile.counted = kind;
    const name = { live: "live", late: "late", stale: "stale", gap: "missing" }[kind] ?? "unseen";
    counts[name] += 1;
  }
  for (const [name, value] of Object.entries(counts)) show(name, String(value));
  show("clock", words.clock(clock.now()));
  cycle(now);
}

function gapBegan(tile) {
  const { cause } = tile.live.status;
  region.tell(`${tile.camera.code}: ${words.cause(cause).name}`);
  if (state.sound) tone();
}

function cycle(now) {
  const turning = state.cycling && state.enlarged === null && !document.hidden && pagesOf(cameras.length, state.tiles) > 1;
  if (!turning) {
    state.cycleAt = now + CYCLE_S * 1_000;
    show("countdown", "");
    return;
  }
  const left = Math.ceil((state.cycleAt - now) / 1_000);
  show("countdown", words.say("countdown", { seconds: Math.max(0, left) }));
  if (left <= 0) {
    state.cycleAt = now + CYCLE_S * 1_000;
    turn(1);
  }
}

/** 0.2 s of 660 Hz. */
function tone() {
  const context = new AudioContext();
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  volume.gain.value = 0.15;
  oscillator.frequency.value = 660;
  oscillator.connect(volume).connect(context.destination);
  oscillator.start();
  oscillator.stop(context.currentTime + 0.2);
  oscillator.onended = () => context.close();
}

function sessionWords(name, since) {
  if (name === "renewing") return words.say("session_renewing");
  if (name === "lost") return words.say("session_lost", { time: words.clock(since) });
  return name === "refused" ? refusedWords(page, words, session) : "";
}

function sessionChanged(name, since) {
  const sentence = sessionWords(name, since);
  show("session", sentence);
  if (sentence) region.tell(sentence);
  document.body.dataset.session = name;
}

// -- what a person does -----------------------------------------------------------------------------

function layout(count) {
  const first = state.page * state.tiles;
  state.tiles = count;
  state.page = Math.floor(first / count);
  state.enlarged = null;
  arrange();
}

function turn(step) {
  const pages = pagesOf(cameras.length, state.tiles);
  state.page = (state.page + step + pages) % pages;
  state.enlarged = null;
  arrange();
}

function enlarge(id) {
  state.enlarged = state.enlarged === id ? null : id;
  arrange();
  tiles.get(id)?.article.focus();
}

/** The tile that has focus, else the enlarged one. */
function current() {
  const id = document.activeElement?.closest?.(".tile")?.dataset.camera ?? state.enlarged;
  return id ? tiles.get(id) ?? null : null;
}

function step(dx, dy) {
  const present = shown();
  const { columns } = gridOf(state.tiles);
  const at = present.findIndex((camera) => camera.id === current()?.camera.id);
  if (at === -1) return tiles.get(present[0]?.id)?.article.focus();
  const { index, page: pages } = moved(at, dx, dy, columns, present.length);
  if (pages === 0) return tiles.get(present[index].id).article.focus();
  turn(pages);
  const fresh = shown();
  return tiles.get((pages > 0 ? fresh[0] : fresh.at(-1)).id)?.article.focus();
}

/** Shift and an arrow: the tile changes places with its neighbour, and that is kept. */
function carry(by) {
  const at = cameras.findIndex((camera) => camera.id === current()?.camera.id);
  const to = at + by;
  if (at === -1 || to < 0 || to >= cameras.length) return;
  [cameras[at], cameras[to]] = [cameras[to], cameras[at]];
  state.order = cameras.map((camera) => camera.id);
  state.page = Math.floor(to / state.tiles);
  arrange();
  tiles.get(cameras[to].id).article.focus();
}

/** A layout that a person named, with the cameras that there are today. */
function take({ tiles, page: number, order, cycling }) {
  cameras.splice(0, cameras.length, ...ordered(page.cameras, order));
  Object.assign(state, { order, cycling: cycling === true, enlarged: null });
  state.tiles = [1, 4, 9, 16, 25].includes(tiles) ? tiles : state.tiles;
  state.page = Math.min(Math.max(0, Number(number) || 0), pagesOf(cameras.length, state.tiles) - 1);
  state.cycleAt = performance.now() + CYCLE_S * 1_000;
  arrange();
}

function switchStream() {
  const tile = current();
  if (!tile?.live || !tile.camera.streams.sub || !tile.camera.streams.main) return;
  const present = tile.next?.live.status.stream ?? tile.live.status.stream;
  tile.chosen = present === "main" ? "sub" : "main";
  tile.play(true);
}

function goBackHalfAMinute() {
  const tile = current();
  const href = tile && playbackLink(tile.camera, clock.now() - 30_000);
  if (href) location.assign(href);
}

/** @param {HTMLElement | null} [button] pressed: it took the focus from the tile that is meant */
function openCase(button) {
  const meant = (button ? looked : null) ?? (shown().length === 1 ? shown()[0].id : null);
  const tile = current() ?? tiles.get(meant) ?? null;
  mark(tile ? { camera: tile.camera, at: tile.live?.status.wall ?? clock.now(), via: "live" } : null);
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

const actions = {
  layout: (button) => layout(Number(button.dataset.tiles)),
  "previous-page": () => turn(-1),
  "next-page": () => turn(1),
  cycle: () => {
    state.cycling = !state.cycling;
    state.cycleAt = performance.now() + CYCLE_S * 1_000;
    controls();
    keep(page.site, state);
  },
  sound: () => {
    state.sound = !state.sound;
    controls();
  },
  fullscreen: fullScreen,
  stream: switchStream,
  playback: goBackHalfAMinute,
  case: openCase,
  enlarge: () => current() && enlarge(current().camera.id),
  keys: () => toggleDialog("keys"),
  layouts: () => toggleDialog("layouts"),
};

function keyed(event) {
  const { key, shiftKey } = event;
  if (/^[1-9]$/.test(key)) {
    const camera = pageOf(cameras, state.page, state.tiles)[Number(key) - 1];
    return camera ? () => enlarge(camera.id) : null;
  }
  if (key === "Enter") return event.target.matches?.(".tile") ? () => enlarge(event.target.dataset.camera) : null;
  if (shiftKey && (key === "ArrowLeft" || key === "ArrowRight")) return () => carry(key === "ArrowLeft" ? -1 : 1);
  const by = {
    ArrowLeft: () => step(-1, 0),
    ArrowRight: () => step(1, 0),
    ArrowUp: () => step(0, -1),
    ArrowDown: () => step(0, 1),
    Escape: () => state.enlarged !== null && enlarge(state.enlarged),
    "?": actions.keys,
    p: actions.playback,
    v: actions.case,
    s: actions.stream,
    f: actions.fullscreen,
    m: actions.sound,
    c: actions.cycle,
    l: actions.layouts,
  };
  return by[key.length === 1 ? key.toLowerCase() : key] ?? null;
}

// -- start ------------------------------------------------------------------------------------------

const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) inView.set(entry.target.dataset.camera, entry.intersectionRatio);
    if (PHONE.matches) playWanted();
  },
  { threshold: [0, 0.25, 0.5, 0.75, 1] },
);

function begin() {
  delete document.documentElement.dataset.unlaid;
  arrange();
  state.laidOut = true;
  keptLayouts(page.site, () => ({ ...state, order: cameras.map((camera) => camera.id) }), take);
  setTimeout(playWanted, LAID_OUT_MS);
  setInterval(tick, TICK_MS);
}

if (cameras.length === 0) {
  delete document.documentElement.dataset.unlaid;
  grid.append(el("p", { class: "state" }, words.say("no_cameras")));
} else {
  state.page = Math.min(state.page, pagesOf(cameras.length, state.tiles) - 1);
  wire(actions, keyed);
  grid.addEventListener("focusin", (event) => (looked = event.target.closest(".tile")?.dataset.camera ?? looked));
  grid.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile && !event.target.closest("a, button")) enlarge(tile.dataset.camera);
  });
  document.addEventListener("visibilitychange", playWanted);
  PHONE.addEventListener("change", arrange);
  let resized = 0;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(playWanted, 400);
  });
  addEventListener("pagehide", () => session?.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  if (session !== null && !PHONE.matches) {
    ahead.push(...Array.from({ length: Math.min(state.tiles, cameras.length) }, openedAhead));
  }
  Promise.race([session?.ready, new Promise((late) => setTimeout(late, CONNECTION_FIRST_MS))]).then(begin);
}
if (session !== null) {
  session.onstate = sessionChanged;
  changeOfPerson(page, session);
  choiceOfPurpose(page, session, words);
  if (session.state !== "opening") sessionChanged(session.state, session.since);
}
