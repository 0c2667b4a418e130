import { Answer, FrameCutter, Refused } from "../../src/vonggac/web/static/js/answers.mjs";
import { Frames, LINE_LIMIT, ProtocolError, headers, publishFrame } from "../../src/vonggac/web/static/js/frames.mjs";
import { closing } from "../../src/vonggac/web/static/js/nats.mjs";
import { base64url, crc16, userName } from "../../src/vonggac/web/static/js/nkey.mjs";
import { equal, test, throws } from "./check.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const text = (view) => new TextDecoder().decode(view);

function heard(chunks) {
  const log = [];
  const frames = new Frames({
    info: (info) => log.push(["info", info.nonce]),
    message: ({ subject, sid, reply, head, body }) => log.push(["message", subject, sid, reply, text(head), text(body)]),
    ping: () => log.push(["ping"]),
    pong: () => log.push(["pong"]),
    error: (sentence) => log.push(["error", sentence]),
  });
  for (const chunk of chunks) frames.feed(chunk);
  return log;
}

const SESSION =
  'INFO {"nonce":"abc"}\r\nPING\r\nMSG a.b 7 5\r\nhello\r\nMSG a.b 7 re.1 0\r\n\r\n' +
  "HMSG a.b 9 12 17\r\nNATS/1.0\r\n\r\nhello\r\n+OK\r\nPONG\r\n-ERR 'Permissions Violation'\r\n";
const SAID = [
  ["info", "abc"],
  ["ping"],
  ["message", "a.b", 7, "", "", "hello"],
  ["message", "a.b", 7, "re.1", "", ""],
  ["message", "a.b", 9, "", "NATS/1.0\r\n\r\n", "hello"],
  ["pong"],
  ["error", "Permissions Violation"],
];

test("what the server says is understood whole", () => equal(heard([bytes(SESSION)]), SAID));

test("what the server says is understood cut anywhere", () => {
  // nats-server cuts what it sends to browsers every 4096 bytes, wherever that falls.
  const whole = bytes(SESSION);
  for (let size = 1; size < whole.length; size += 1) {
    const chunks = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
    equal(heard(chunks), SAID);
  }
});

test("a payload that lies whole in one chunk is not copied", () => {
  const chunk = bytes("MSG a 1 5\r\nhello\r\n");
  let body = null;
  new Frames({ message: (message) => (body = message.body) }).feed(chunk);
  equal(body.buffer === chunk.buffer, true);
});

test("what is no protocol ends the connection instead of growing", () => {
  throws(() => heard([bytes("HTTP/1.1 400\r\n")]), ProtocolError);
  throws(() => heard([bytes("MSG a 1 99999999\r\n")]), ProtocolError);
  throws(() => heard([bytes("MSG a 1 -1\r\n")]), ProtocolError);
  throws(() => heard([bytes("MSG a\r\n")]), ProtocolError);
  throws(() => heard([bytes("HMSG a 1 9 8\r\n")]), ProtocolError);
  throws(() => heard([bytes("INFO {\r\n")]), ProtocolError);
  throws(() => heard([new Uint8Array(LINE_LIMIT + 1).fill(65)]), ProtocolError);
});

test("header fields and the server's own status are read", () => {
  equal([...headers(bytes("NATS/1.0 503\r\n\r\n"))], [["Status", "503"]]);
  equal([...headers(bytes("NATS/1.0\r\nVg-Run: 0a\r\nVg-Seq:12\r\n\r\n"))], [["Vg-Run", "0a"], ["Vg-Seq", "12"]]);
  equal([...headers(new Uint8Array(0))], []);
});

test("a question is framed with its header sizes", () => {
  equal(text(publishFrame("s", bytes("hi"), "r", { A: "1" })), "HPUB s r 18 20\r\nNATS/1.0\r\nA: 1\r\n\r\nhi\r\n");
  equal(text(publishFrame("s", bytes("hi"))), "PUB s 2\r\nhi\r\n");
});

test("a public key is written as nkeys write it", () => {
  // As the Python nkeys package writes the public half of the example seed in the NATS documentation.
  const raw = "27e0d852159745267e579814a5c474ef9e81237614d2562517ead779c0e6dbc9".match(/../g).map((pair) => parseInt(pair, 16));
  equal(userName(new Uint8Array(raw)), "UAT6BWCSCWLUKJT6K6MBJJOEOTXZ5AJDOYKNEVRFC7VNO6OA43N4TRNO");
  equal(crc16(bytes("123456789")), 0x31c3); // the check value of CRC-16/XMODEM
  equal(base64url(new Uint8Array([251, 255, 254])), "-__-");
});

test("the server's last sentence is put into one of three words", () => {
  equal(closing("User Authentication Expired")[0], "expired");
  equal(closing("Authorization Violation")[0], "refused");
  equal(closing("")[0], "broken");
});

const message = (fields, body = "") => ({
  head: bytes(`NATS/1.0\r\n${Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`),
  body: bytes(body),
});

test("an answer is taken in order, with credit for each eight chunks", () => {
  const answer = new Answer();
  const first = answer.take(message({ "Vg-Status": "200", "Vg-Part": "0", "Vg-Credit": "more.1", "Vg-Type": "x/y" }, "a"));
  equal([first.kind, first.credit, answer.creditSubject, answer.type], ["chunk", 0, "more.1", "x/y"]);
  for (let part = 1; part < 7; part += 1) answer.take(message({ "Vg-Status": "200", "Vg-Part": String(part) }));
  equal(answer.take(message({ "Vg-Status": "200", "Vg-Part": "7" })).credit, 8);
  equal(answer.take(message({ "Vg-Status": "200", "Vg-Part": "8", "Vg-Last": "1" }, "z")).kind, "last");
});

test("a missing piece, a refusal and an empty house are three different failures", () => {
  equal(new Answer().take(message({ "Vg-Status": "200", "Vg-Part": "1" })).refused.kind, "corrupt");
  const refusal = '{"kind":"forbidden","message":"no","detail":null}';
  equal(new Answer().take(message({ "Vg-Status": "forbidden" }, refusal)).refused.kind, "forbidden");
  const nobody = { head: bytes("NATS/1.0 503\r\n\r\n"), body: bytes("") };
  equal(new Answer().take(nobody).refused.kind, "unavailable");
});

test("frames are cut out of chunks that do not respect them", () => {
  const whole = new Uint8Array([0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 7, 8, 9]);
  for (let size = 1; size <= whole.length; size += 1) {
    const cutter = new FrameCutter();
    const frames = [];
    for (let at = 0; at < whole.length; at += size) frames.push(...cutter.feed(whole.subarray(at, at + size)));
    // an empty frame is whole as soon as its length is read, or with the next byte
    equal(frames.map((frame) => [...frame]), [[1, 2], [], [7, 8, 9]]);
  }
  throws(() => new FrameCutter().feed(new Uint8Array([255, 0, 0, 0])), Refused);
});
