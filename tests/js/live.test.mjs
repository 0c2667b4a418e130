import { lookOf } from "../../src/vonggac/web/static/js/age.mjs";
import { granted, gridOf, moved, ordered, pageOf, pagesOf, streamFor, visibleFirst } from "../../src/vonggac/web/static/js/arrange.mjs";
import { begin } from "../../src/vonggac/web/static/js/nats.mjs";
import { Pace, WallMap, steer } from "../../src/vonggac/web/static/js/pace.mjs";
import { renewAfter } from "../../src/vonggac/web/static/js/session.mjs";
import { HOLD_LIMIT, Splice } from "../../src/vonggac/web/static/js/splice.mjs";
import { equal, near, test } from "./check.mjs";

const at = (now, wall, ended = false) => lookOf({ wall, now, ended }).look;

test("a picture is live for one second and shown for thirty", () => {
  equal(at(10_000, 9_000), "live");
  equal(at(10_000, 8_999), "late");
  equal(at(10_000, 7_000), "late");
  equal(at(10_000, 6_999), "stale");
  equal(at(40_000, 10_000), "stale");
  equal(at(40_001, 10_000), "removed");
});

test("a tile without a picture is blank, and after the end of a run no picture stays", () => {
  equal(at(10_000, null), "blank");
  equal(at(10_000, null, true), "removed");
  equal(at(10_000, 8_000, true), "late");
  equal(at(10_000, 6_000, true), "removed");
});

test("a clock that is behind the camera's gives no negative age", () => {
  equal(lookOf({ wall: 2_000, now: 1_000, ended: false }), { look: "live", age: 0 });
});

/** Feeds (lane, run, seq) triples; returns what was taken, as "run:seq". */
function spliced(offers, splice = new Splice()) {
  return offers.flatMap(([lane, run, seq]) => splice.offer(lane, run, seq, `${run}:${seq}`));
}

test("a duplicate is dropped and the order kept while two connections overlap", () => {
  const taken = spliced([[1, "a", 5], [1, "a", 6], [2, "a", 6], [1, "a", 7], [2, "a", 7], [2, "a", 8], [1, "a", 8]]);
  equal(taken, ["a:5", "a:6", "a:7", "a:8"]);
});

test("a new connection that is ahead waits until the old one has caught up", () => {
  // Without waiting, part 7 would be taken for late and lost.
  const taken = spliced([[1, "a", 5], [2, "a", 8], [2, "a", 9], [1, "a", 6], [1, "a", 7], [2, "a", 10]]);
  equal(taken, ["a:5", "a:6", "a:7", "a:8", "a:9", "a:10"]);
});

test("an old connection that ends hands over what the new one held", () => {
  const splice = new Splice();
  equal(spliced([[1, "a", 5], [2, "a", 8]], splice), ["a:5"]);
  equal(splice.settledOn(2), false);
  equal(splice.gone(1), ["a:8"]);
  equal(splice.settledOn(2), true);
});

test("a run that ends during a renewal is followed into the next", () => {
  const taken = spliced([[1, "a", 5], [2, "b", 0], [1, "a", 6], [1, "b", 0], [2, "b", 1], [1, "b", 1]]);
  equal(taken, ["a:5", "a:6", "b:0", "b:1"]);
});

test("what is held is bounded", () => {
  const offers = Array.from({ length: HOLD_LIMIT }, (_, index) => [2, "a", 100 + index]);
  equal(spliced([[1, "a", 5], ...offers]).length, 1 + HOLD_LIMIT);
});

test("after all connections were lost the next one is believed at once", () => {
  const splice = new Splice();
  spliced([[1, "a", 5]], splice);
  splice.gone(1);
  equal(spliced([[2, "a", 5], [2, "a", 9]], splice), ["a:9"]);
});

test("a grant is renewed well before its end", () => {
  equal(renewAfter(120_000), 80_000);
  equal(renewAfter(60_000), 30_000);
  equal(renewAfter(4_000), 2_000);
  equal(renewAfter(-5), 250);
});

test("too much ahead is played away, much too much is jumped over", () => {
  equal(steer(0.07, 0.06), { rate: 1, jump: false });
  near(steer(0.26, 0.06).rate, 1.08, 1e-9);
  equal(steer(0.7, 0.06).rate, 1.1);
  equal(steer(0.8, 0.06), { rate: 1, jump: true });
});

test("a stall widens the margin, and calm narrows it again", () => {
  const pace = new Pace();
  pace.see(1_000, 0.2);
  pace.stalled();
  near(pace.margin, 0.11, 1e-9);
  pace.see(11_000, 0.2);
  near(pace.margin, 0.07, 1e-9);
  for (let count = 0; count < 100; count += 1) pace.stalled();
  near(pace.margin, 0.6, 1e-9);
});

test("a picture on the screen is told by when it was taken", () => {
  const map = new WallMap(3);
  map.add(0, 1_000_000);
  map.add(0.2, 1_000_200);
  map.add(0.4, 1_060_000); // another run, a minute later
  equal(map.wallAt(0.1), 1_000_100);
  near(map.wallAt(0.44), 1_060_040, 1e-6);
  map.add(0.6, 1_060_200);
  equal(map.wallAt(0.1), null);
});

test("tiles stand in squares and pages", () => {
  equal(gridOf(9), { columns: 3, rows: 3 });
  equal(pagesOf(34, 9), 4);
  equal(pagesOf(0, 9), 1);
  equal(pageOf(["a", "b", "c"], 1, 2), ["c"]);
});

test("an arrow past the edge turns the page", () => {
  equal(moved(4, 1, 0, 3, 9), { index: 5, page: 0 });
  equal(moved(8, 1, 0, 3, 9), { index: 8, page: 1 });
  equal(moved(0, -1, 0, 3, 9), { index: 0, page: -1 });
  equal(moved(1, 0, 1, 3, 9), { index: 4, page: 0 });
  equal(moved(7, 0, 1, 3, 9), { index: 7, page: 0 });
});

test("a tile gets the stream that its size needs and the browser can play", () => {
  const both = { main: { codec: "hvc1.1.6.L93.B0", width: 1920 }, sub: { codec: "avc1.4d001e", width: 640 } };
  const all = () => true;
  const noHevc = (codec) => !codec.startsWith("hvc1");
  equal(streamFor(both, 480, false, all), "sub");
  equal(streamFor(both, 1200, false, all), "main");
  equal(streamFor(both, 480, true, all), "main");
  equal(streamFor(both, 1200, true, noHevc), "sub");
  equal(streamFor({ main: both.main }, 300, false, all), "main");
});

test("on a phone the two most visible tiles play", () => {
  const inView = new Map([["a", 0.1], ["b", 1], ["c", 0.5], ["d", 1]]);
  equal(visibleFirst(["a", "b", "c", "d"], inView, 2), ["b", "d"]);
});

test("a grant names every camera that fits, else the page in sight and the next one", () => {
  const cameras = Array.from({ length: 12 }, (_, index) => ({ id: `c${index}`, allowed: index !== 1 }));
  equal(granted(cameras, 0, 4, 64).length, 11);
  equal(granted(cameras, 0, 4, 8), ["c0", "c2", "c3", "c4", "c5", "c6", "c7"]);
  equal(granted(cameras, 2, 4, 8), ["c8", "c9", "c10", "c11", "c0", "c2", "c3"]);
  equal(granted(cameras, 0, 9, 5), ["c0", "c2", "c3", "c4", "c5"]);
});

test("cameras stand as they were put, and new ones after them", () => {
  const cameras = ["a", "b", "c", "d"].map((id) => ({ id }));
  equal(ordered(cameras, ["c", "gone", "a"]).map(({ id }) => id), ["c", "a", "b", "d"]);
});

test("the first questions follow the credentials unasked, what is said in one turn is one message, and a farewell is sent", async () => {
  const sent = [];
  class Socket {
    static OPEN = 1;
    static made = [];
    readyState = 1;
    bufferedAmount = 0;
    constructor() {
      Socket.made.push(this);
    }
    send(bytes) {
      sent.push(new TextDecoder().decode(bytes).match(/^(CONNECT|PING|SUB|PUB)\b/gm).join(" "));
    }
    close() {}
  }
  const real = globalThis.WebSocket;
  globalThis.WebSocket = Socket;
  try {
    const soon = begin({ url: "ws://box", credentials: { token: "t", key: { sign: async () => new Uint8Array(64) } } });
    Socket.made[0].onmessage({ data: new TextEncoder().encode('INFO {"nonce":"n"}\r\n').buffer });
    const connection = await soon;
    connection.subscribe("answers", () => {});
    for (const tile of ["a", "b"]) connection.publish(`open.${tile}`, new Uint8Array(2));
    await null;
    equal(sent, ["CONNECT PING", "SUB PUB PUB"]);
    connection.publish("bye", new Uint8Array(0));
    connection.close();
    equal(sent[2], "PUB");
    equal(await connection.accepted.catch((ended) => ended.kind), "closed");
  } finally {
    globalThis.WebSocket = real;
  }
});
