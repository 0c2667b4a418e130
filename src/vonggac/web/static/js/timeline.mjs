/**
 * The drawn timeline: a day with the window on it, an axis, one lane a camera, playhead and selection.
 *
 * Strips are SVG in shares of the width, as the server draws them; no style
 * attributes, for the policy. It tells what a person wants and decides nothing.
 */

import { el, svg } from "./page.mjs";
import { SECOND, beginning, shapes, shareOf, ticks } from "./span.mjs";

const OVERVIEW_PX = 16;
/** Lower strips get no rim around their holes: it would reach into the next camera's. */
const RIM_PX = 12;
/** One lane is higher than four. */
const LANE_PX = { 1: 34, many: 24 };
/** A wheel notch, or its like from a touchpad, zooms by this. */
const WHEEL_FACTOR = 1.25;
/** Steps of the day marked as not whole at most. */
const MARK_LIMIT = 512;
/** A press that moves less is a click, px. */
const CLICK_PX = 4;

/**
 * @typedef {object} Wishes
 * @property {(at: number, scrubbing: boolean) => void} seek
 * @property {(factor: number, about: number) => void} zoom
 * @property {(ms: number) => void} pan
 * @property {(at: number) => void} centre
 * @property {(from: number, to: number) => void} select
 * @property {(at: number | null) => void} point   what lies under the pointer
 */

export class Timeline {
  /** @type {Map<string, {strip: SVGElement, record: import("./span.mjs").Record | null}>} */
  #lanes = new Map();

  /**
   * @param {HTMLElement} root the empty `#timeline`
   * @param {import("./page.mjs").Words} words
   * @param {Wishes} wishes
   */
  constructor(root, words, wishes) {
    this.words = words;
    this.wishes = wishes;
    this.window = { from: 0, to: 1 };
    this.day = { from: 0, to: 1 };
    this.overview = svg("svg", { class: "strip", role: "img", height: OVERVIEW_PX });
    this.frame = svg("rect", { height: "100%", rx: 2 });
    this.dayAxis = svg("svg", { class: "axis", "aria-hidden": "true" });
    this.axis = svg("svg", { class: "axis", "aria-hidden": "true" });
    this.grid = svg("svg", { class: "gridl", "aria-hidden": "true" });
    this.selected = svg("rect", { height: "100%" });
    this.line = svg("line", { y1: 0, y2: "100%" });
    this.dayTracks = el("div", { class: "tracks" }, this.overview, svg("svg", { class: "win", "aria-hidden": "true" }, this.frame), this.dayAxis);
    this.tracks = el("div", { class: "tracks" }, this.axis);
    this.lanes = el("div", { class: "lanes" });
    this.over = el(
      "div",
      { class: "ovl" },
      this.grid,
      svg("svg", { class: "sel", "aria-hidden": "true" }, this.selected),
      svg("svg", { class: "ph", "aria-hidden": "true" }, this.line),
    );
    root.replaceChildren(
      el("div", { class: "lane day" }, el("div", { class: "lab" }, el("span", { class: "strong" }, words.say("whole_day"))), this.dayTracks),
      el("div", { class: "lane axl" }, el("div", { class: "lab" }), this.tracks),
      this.lanes,
    );
    this.#listen();
    new ResizeObserver(() => this.#draw()).observe(this.tracks);
  }

  /** @param {{id: string, code: string, name: string}[]} cameras one to four */
  setCameras(cameras) {
    this.#lanes.clear();
    const height = cameras.length === 1 ? LANE_PX[1] : LANE_PX.many;
    const lanes = cameras.map((camera) => {
      const strip = svg("svg", { class: "strip tl", role: "img", height: height + 4, "aria-label": this.words.say("strip", { camera: camera.code }) });
      this.#lanes.set(camera.id, { strip, record: null, height });
      const label = el("div", { class: "lab" }, el("span", { class: "code strong" }, camera.code), el("span", {}, camera.name));
      return el("div", { class: "lane", "data-camera": camera.id }, label, el("div", { class: "tracks" }, strip));
    });
    this.lanes.replaceChildren(...lanes, this.over);
    this.#draw();
  }

  /** @param {string} camera @param {import("./span.mjs").Record | null} record of the whole day */
  setRecord(camera, record) {
    const lane = this.#lanes.get(camera);
    if (!lane) return;
    lane.record = record;
    this.#drawLane(lane);
    this.#drawOverview();
  }

  /** @param {import("./span.mjs").Window} window @param {import("./span.mjs").Window} day */
  setWindow(window, day) {
    const dayChanged = day.from !== this.day.from;
    this.window = window;
    this.day = day;
    if (dayChanged) for (const lane of this.#lanes.values()) lane.record = null;
    this.#draw();
  }

  /** @param {number} at */
  setPlayhead(at) {
    const share = shareOf(this.window, at);
    this.line.parentNode.toggleAttribute("hidden", share < 0 || share > 1);
    const x = `${(share * 100).toFixed(4)}%`;
    this.line.setAttribute("x1", x);
    this.line.setAttribute("x2", x);
  }

  /** @param {{from: number, to: number} | null} selection */
  setSelection(selection) {
    const x = selection ? Math.max(0, shareOf(this.window, selection.from)) : 0;
    const end = selection ? Math.min(1, shareOf(this.window, selection.to)) : 0;
    this.selected.setAttribute("x", percent(x));
    this.selected.setAttribute("width", percent(Math.max(0, end - x)));
    this.selection = selection;
  }

  // -- drawing ------------------------------------------------------------------------------------

  #draw() {
    for (const lane of this.#lanes.values()) this.#drawLane(lane);
    this.#drawOverview();
    this.#drawAxis(this.axis, this.window);
    this.#drawAxis(this.dayAxis, this.day);
    const { times } = ticks(this.window, this.#width, this.words.offsetMs);
    this.grid.replaceChildren(
      ...times.map((at) => {
        const x = percent(shareOf(this.window, at));
        return svg("line", { class: "grid-l", x1: x, x2: x, y1: 0, y2: "100%" });
      }),
    );
    this.frame.setAttribute("x", percent(shareOf(this.day, this.window.from)));
    this.frame.setAttribute("width", percent((this.window.to - this.window.from) / (this.day.to - this.day.from)));
    this.setSelection(this.selection ?? null);
  }

  get #width() {
    return this.tracks.clientWidth || 800;
  }

  #drawLane({ strip, record, height }) {
    strip.replaceChildren(lane(height), ...shapes(record, this.window, this.#width).flatMap((shape) => this.#drawn(shape, height)));
  }

  /** All cameras in one strip: the height of a hole is the share of cameras that miss the time. */
  #drawOverview() {
    const lanes = [...this.#lanes.values()];
    const each = OVERVIEW_PX / Math.max(1, lanes.length);
    const groups = lanes.map(({ record }, index) => {
      const drawn = shapes(record, this.day, this.#width).flatMap((shape) => this.#drawn({ ...shape, letter: false }, each));
      const density = index === 0 && record ? densityMarks(record, this.day) : [];
      return svg("svg", { y: index * each, height: each, overflow: "visible" }, ...drawn, ...density);
    });
    this.overview.replaceChildren(lane(OVERVIEW_PX), ...groups);
    this.overview.setAttribute("aria-label", this.words.say("whole_day"));
  }

  #drawn(shape, height) {
    const place = { x: percent(shape.x), width: percent(shape.w) };
    if (shape.kind === "recorded") return [svg("rect", { class: "l-rec", ...place, height })];
    if (shape.kind === "expired") return [svg("rect", { class: "l-expired", ...place, height }, title(this.words.say("expired")))];
    const inner = { ...place, y: 0.75, height: Math.max(1, height - 1.5) };
    if (shape.kind === "unknown") {
      return [svg("rect", { class: "l-u", fill: "url(#p-u)", ...inner }, title(this.words.say("unknown")))];
    }
    const cause = this.words.cause(shape.cause ?? null);
    const words = this.words.say("gap_title", {
      cause: cause.name,
      from: this.words.clock(shape.from),
      to: this.words.clock(shape.to),
    });
    const drawn = [
      ...(height < RIM_PX ? [] : [svg("rect", { class: "l-cut", ...place, height })]),
      svg("rect", { class: `l-${cause.class}`, fill: `url(#p-${cause.class})`, ...inner }, title(words)),
    ];
    if (!shape.letter || height < 14) return drawn;
    const tag = svg("svg", { class: "l-tag", x: percent(shape.x + shape.w / 2), y: (height - 12) / 2, overflow: "visible" });
    tag.append(svg("rect", { class: `tg-${cause.class}`, x: -7, width: 14, height: 12, rx: 2 }), svg("text", { y: 9.6 }, cause.letter));
    return [...drawn, tag];
  }

  #drawAxis(axis, window) {
    const { step, times } = ticks(window, this.#width, this.words.offsetMs);
    axis.replaceChildren(
      ...times.map((at) => {
        const share = shareOf(window, at);
        const anchor = share < 0.02 ? "start" : share > 0.98 ? "end" : "middle";
        const midnight = at === this.day.to ? "24:00" : null;
        const text = midnight ?? (step < 60 * SECOND ? this.words.clock(at) : this.words.clock(at).slice(0, 5));
        return svg("text", { x: percent(share), y: 12, "text-anchor": anchor }, text);
      }),
    );
  }

  // -- what a person does -------------------------------------------------------------------------

  #listen() {
    const { lanes, dayTracks, wishes } = this;
    lanes.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    lanes.addEventListener("pointerdown", (event) => this.#press(event));
    lanes.addEventListener("pointermove", (event) => event.buttons === 0 && wishes.point(this.#timeAt(event)));
    lanes.addEventListener("pointerleave", () => wishes.point(null));
    dayTracks.addEventListener("pointerdown", (event) => this.#drag(event, (at) => wishes.centre(at), this.day, dayTracks));
  }

  #timeAt(event, window = this.window, tracks = this.tracks) {
    const box = tracks.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / Math.max(1, box.width)));
    return window.from + share * (window.to - window.from);
  }

  #wheel(event) {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const pixels = event.deltaX || event.deltaY;
      this.wishes.pan((pixels / this.#width) * (this.window.to - this.window.from));
      return;
    }
    const notches = Math.max(-3, Math.min(3, event.deltaY / 100));
    this.wishes.zoom(WHEEL_FACTOR ** notches, this.#timeAt(event));
  }

  #press(event) {
    if (event.button !== 0) return;
    if (!event.shiftKey) {
      this.#drag(event, (at, over) => this.wishes.seek(at, !over), this.window, this.tracks);
      return;
    }
    const start = this.#timeAt(event);
    this.#drag(event, (at) => this.wishes.select(Math.min(start, at), Math.max(start, at)), this.window, this.tracks);
  }

  /** `act` gets the time under the pointer at once, while it moves, and when it is let go. */
  #drag(event, act, window, tracks) {
    const { currentTarget, pointerId, clientX } = event;
    let far = false;
    currentTarget.setPointerCapture(pointerId);
    const move = (moved) => {
      far ||= Math.abs(moved.clientX - clientX) >= CLICK_PX;
      if (far) act(this.#timeAt(moved, window, tracks), false);
    };
    const up = (last) => {
      currentTarget.removeEventListener("pointermove", move);
      currentTarget.removeEventListener("pointerup", up);
      currentTarget.removeEventListener("pointercancel", up);
      if (last.type === "pointerup") act(this.#timeAt(last, window, tracks), true);
    };
    currentTarget.addEventListener("pointermove", move);
    currentTarget.addEventListener("pointerup", up);
    currentTarget.addEventListener("pointercancel", up);
  }
}

const percent = (share) => `${(share * 100).toFixed(4)}%`;
const title = (words) => svg("title", {}, words);
const lane = (height) => svg("rect", { class: "l-lane", width: "100%", height, rx: 2 });

/** Marks above the overview: each step of the day that was not recorded whole, however little is missing. */
function densityMarks(record, day) {
  const width = percent(record.step / (day.to - day.from));
  const begins = beginning(record);
  const marks = [];
  record.density.forEach((share, index) => {
    const from = record.from + index * record.step;
    const settled = from >= begins && from + record.step <= record.asOf;
    if (share >= 100 || !settled || marks.length >= MARK_LIMIT) return;
    marks.push(svg("rect", { class: "l-missing", x: percent(shareOf(day, from)), width, y: -3, height: 2 }));
  });
  return marks;
}
