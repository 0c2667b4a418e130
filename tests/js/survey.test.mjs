import { cameras, filled, newId, nextCamera, outcome, perZone, say, shrunk } from "../../src/vonggac/web/static/page/survey-sending.mjs";
import { equal, test } from "./check.mjs";

const FORM = [
  ["form_token", "x"], ["p-name", "A"], ["note", ""], ["c-0-zone", "HL"], ["c-0-title", "hành lang"],
  ["c-3-zone", "HL"], ["c-3-title", ""], ["c-10-zone", "CG"], ["c-10-title", "cổng"], ["do", "add"],
]; // prettier-ignore

test("what is empty, and the page's own fields, are not sent", () => {
  equal(filled(FORM).map(([name]) => name), ["p-name", "c-0-zone", "c-0-title", "c-3-zone", "c-10-zone", "c-10-title"]);
});

test("cameras are told apart by their numbers, in the order of numbers", () => {
  equal(cameras(FORM), [0, 3, 10]);
});

test("a form without cameras has none", () => {
  equal(cameras([["p-name", "A"]]), []);
});

test("the next camera gets a number that none had", () => {
  equal([nextCamera(FORM), nextCamera([])], [11, 0]);
});

test("a camera without a title is none yet", () => {
  equal(perZone(FORM), { HL: 1, CG: 1 });
});

test("sent is what the hub made", () => {
  equal([200, 201, 204].map(outcome), ["again", "sent", "again"]);
});

test("a refusal is for the person to mend, and the end of the form is the end", () => {
  equal([422, 413, 409, 404].map(outcome), ["refused", "refused", "closed", "closed"]);
});

test("who is signed out signs in again, and a hub in trouble is asked again", () => {
  equal([401, 403, 500, 503, 429, 408].map(outcome), ["signin", "signin", "again", "again", "again", "again"]);
});

test("a photograph is shrunk on its longer side and never enlarged", () => {
  equal([shrunk(3200, 1200, 1600), shrunk(1200, 3200, 1600), shrunk(640, 480, 1600)], [[1600, 600], [600, 1600], [640, 480]]);
});

test("a sliver of a photograph stays one that the hub takes", () => {
  equal(shrunk(16_000, 20, 1600), [1600, 8]);
});

test("an id is hex of its bytes, with both digits", () => {
  equal(newId(new Uint8Array([0, 15, 255])), "000fff");
});

test("words keep places that nobody fills", () => {
  equal([say("còn {n} ảnh", { n: 3 }), say("lúc {time}", {})], ["còn 3 ảnh", "lúc {time}"]);
});
