import { Words, msOf, nsOf } from "../../src/vonggac/web/static/js/page.mjs";
import { lastAtOrBefore } from "../../src/vonggac/web/static/js/reel.mjs";
import {
  DAY, centred, following, joinedClose, neighbourGap, recordOf, recordedIn, shapes, stateAt, ticks, typedDay, typedTime, within, writtenDay, zoomed,
} from "../../src/vonggac/web/static/js/span.mjs"; // prettier-ignore
import { equal, near, test } from "./check.mjs";

const day = { from: 0, to: DAY };
const record = {
  from: 0, to: DAY, asOf: 50_000_000, expiredBefore: 1_000_000, step: 300_000, density: [],
  spans: [{ from: 1_000_000, to: 2_000_000 }, { from: 2_001_000, to: 49_995_000 }],
  gaps: [{ from: 2_000_000, to: 2_001_000, cause: "stalled" }],
}; // prettier-ignore

test("each moment of a day is exactly one thing", () => {
  equal(stateAt(record, 999_999).kind, "expired");
  equal(stateAt(record, 1_000_000).kind, "recorded");
  equal(stateAt(record, 2_000_000), { kind: "gap", from: 2_000_000, to: 2_001_000, cause: "stalled" });
  equal(stateAt(record, 2_001_000).kind, "recorded");
  equal(stateAt(record, 49_999_000).kind, "unknown");
  equal(stateAt(record, 50_000_000).kind, "future");
  equal(stateAt(null, 5).kind, "unknown");
});

test("before the first span or gap is before the camera's time, not a hole in it", () => {
  const fresh = { ...record, expiredBefore: 0 };
  equal(stateAt(fresh, 500_000), { kind: "before", from: 0, to: 1_000_000 });
  equal(shapes(fresh, day, 1_000).filter(({ kind }) => kind !== "recorded" && kind !== "gap"), []);
});

test("a gap of one second is two pixels wide on a whole day", () => {
  const gap = shapes(record, day, 1_000).find((shape) => shape.kind === "gap");
  near(gap.w * 1_000, 2, 0.001);
  equal([gap.from, gap.to, gap.letter], [2_000_000, 2_001_000, false]);
});

test("expired and unknown time are drawn as themselves, never as gaps", () => {
  const late = { ...record, asOf: 60_000_000 };
  const kinds = shapes(late, day, 1_000).map(({ kind, from, to }) => [kind, from, to]);
  equal(kinds.filter(([kind]) => kind === "expired"), [["expired", 0, 1_000_000]]);
  equal(kinds.filter(([kind]) => kind === "unknown"), [["unknown", 49_995_000, 60_000_000]]);
});

test("gaps that touch on the screen are one, with the cause that lasted longest", () => {
  const list = [{ from: 0, to: 10, cause: "a" }, { from: 12, to: 50, cause: "b" }, { from: 500, to: 501, cause: "c" }];
  equal(joinedClose(list, 5).map(({ from, to, cause }) => [from, to, cause]), [[0, 50, "b"], [500, 501, "c"]]);
});

test("zooming keeps the moment under the pointer and stays between ten seconds and a day", () => {
  const closer = zoomed({ from: 0, to: 1_000_000 }, 0.5, 250_000, day);
  equal(closer, { from: 125_000, to: 625_000 });
  equal(zoomed(day, 2, 5_000, day), day);
  const closest = zoomed({ from: 100_000, to: 112_000 }, 0.1, 106_000, day);
  equal(closest.to - closest.from, 10_000);
});

test("a window never leaves its day", () => {
  equal(within({ from: -500, to: 500 }, day), { from: 0, to: 1_000 });
  equal(centred(DAY, 600_000, day), { from: DAY - 600_000, to: DAY });
});

test("the window follows a playhead that leaves it", () => {
  const window = { from: 0, to: 100_000 };
  equal(following(window, 50_000, day), window);
  equal(following(window, 100_000, day), { from: 90_000, to: 190_000 });
});

test("ticks are round times of the site's own clock", () => {
  const { step, times } = ticks({ from: 0, to: 5_400_000 }, 900, 25_200_000);
  equal(step, 600_000);
  equal(times[0], 0);
  equal(ticks({ from: 1, to: DAY }, 900, 25_200_000).times[0] % 3_600_000, 0);
});

test("the next and the previous gap are found over all cameras", () => {
  const other = { ...record, gaps: [{ from: 3_000_000, to: 4_000_000, cause: "refused" }] };
  equal(neighbourGap([record, other], 2_500_000, 1).from, 3_000_000);
  equal(neighbourGap([record, other], 2_500_000, -1).from, 2_000_000);
  equal(neighbourGap([record, other], 5_000_000, 1), null);
});

test("a selection counts what was recorded of it", () => {
  equal(recordedIn(record, { from: 1_999_000, to: 2_002_000 }), 2_000);
});

test("a time is typed in the ways that people type it", () => {
  const at = (h, m, s) => ((h * 60 + m) * 60 + s) * 1_000;
  equal(["9", "9:12", "09:12:40", "091240", "9h12"].map(typedTime), [at(9, 0, 0), at(9, 12, 0), at(9, 12, 40), at(9, 12, 40), at(9, 12, 0)]);
  equal(["", "25", "9:60", "chín giờ", "24:01"].map(typedTime), [null, null, null, null, null]);
});

test("a day is typed as the country writes it, and no other way", () => {
  equal(["18/11/2026", " 8/1/2026 ", "29/02/2028"].map(typedDay), ["2026-11-18", "2026-01-08", "2028-02-29"]);
  equal(["11/18/2026", "2026-11-18", "31/02/2026", "29/02/2027", "18/11/26", ""].map(typedDay), [null, null, null, null, null, null]);
  equal(writtenDay("2026-11-08"), "08/11/2026");
});

test("nanoseconds go through strings without losing microseconds", () => {
  equal(msOf("1763451160200123456"), 1763451160200.123);
  equal(nsOf(1763451160200.5), "1763451160200500000");
});

const words = new Words({
  texts: { duration_s: "{s} giây", duration_m: "{m} phút {s} giây", duration_h: "{h} giờ {m} phút", duration_d: "{d} ngày {h} giờ", weekdays: "CN,T2,T3,T4,T5,T6,T7" },
  causes: {}, language: "vi", utc_offset_s: 25_200,
}); // prettier-ignore

test("times are the site's, and durations are cut, not rounded up", () => {
  const ms = Date.parse("2026-11-18T02:12:40.999Z");
  equal([words.clock(ms), words.fraction(ms), words.date(ms), words.longDate(ms)], ["09:12:40", ",999", "18/11/2026", "T4, 18/11/2026"]);
  equal(words.midnight("2026-11-18"), Date.parse("2026-11-17T17:00:00Z"));
  equal([999, 59_999, 3_599_000, 8_700_000, 90_000_000].map((ms) => words.duration(ms)), ["0 giây", "59 giây", "59 phút 59 giây", "2 giờ 25 phút", "1 ngày 1 giờ"]);
});

test("the picture of a moment is the last one that had begun", () => {
  equal([9, 10, 15, 30, 99].map((at) => lastAtOrBefore([10, 20, 30], at)), [-1, 0, 0, 2, 2]);
});

test("a timeline answer becomes numbers", () => {
  const answer = { as_of: "5000000000", expired_before: null, spans: [{ from: "1000000", to: "2000000" }], gaps: [{ from: "2000000", to: "3000000", cause: "stalled" }], density: [100] };
  const read = recordOf(answer, 0, 10, 5, msOf);
  equal([read.asOf, read.expiredBefore, read.spans, read.gaps], [5_000, 0, [{ from: 1, to: 2 }], [{ from: 2, to: 3, cause: "stalled" }]]);
});
