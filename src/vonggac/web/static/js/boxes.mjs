/**
 * The few fields of fMP4 that a player needs: ISO/IEC 14496-12, 14496-15 and RFC 6381. Pure.
 *
 * The bytes come from a recorder that we trust to be ours and not to be whole: every size is checked,
 * and what cannot be read throws `UnreadableError`.
 */

/** The bytes are not the boxes they should be. */
export class UnreadableError extends Error {}

/** Seconds between 1900 (NTP, prft) and 1970. */
const NTP_TO_UNIX_S = 2_208_988_800;
/** Video time scale of every init that the recorder writes. */
export const TICKS_A_SECOND = 90_000;
/** sample_is_non_sync_sample; what the recorder's trex says of pictures that no other box speaks of. */
const NON_SYNC = 0x10000;
/** Pictures in one part at most; a part is 200 ms. */
const SAMPLE_LIMIT = 4_096;

/**
 * @typedef {object} Part
 * @property {number} wall      when its first picture was taken, ms since 1970
 * @property {number} sequence
 * @property {number} start     decode time of its first picture, s, as written (add the segment's offset)
 * @property {number} duration  s
 * @property {boolean} key      its first picture is a keyframe
 * @property {number} first     presentation time of the first picture in decode order, s from `start`: `wall` is its
 * @property {number[]} shown   presentation time of each picture, s from `start`, in order of showing
 */

/** @param {Uint8Array} bytes prft + moof + mdat @returns {Part} the video track's (the first traf) */
export function readPart(bytes) {
  const view = viewOf(bytes);
  let wall = NaN;
  for (const box of boxesIn(view, 0, view.byteLength)) {
    if (box.name === "prft") wall = producedAt(view, box);
    if (box.name === "moof") return { wall, ...readFragment(view, box) };
  }
  throw new UnreadableError("no moof");
}

function producedAt(view, { body, end }) {
  need(end - body >= 16);
  const seconds = view.getUint32(body + 8) - NTP_TO_UNIX_S;
  return seconds * 1_000 + (view.getUint32(body + 12) / 2 ** 32) * 1_000;
}

function readFragment(view, moof) {
  let sequence = 0;
  for (const box of boxesIn(view, moof.body, moof.end)) {
    if (box.name === "mfhd") sequence = view.getUint32(inside(box, 4, 4));
    if (box.name === "traf") return { sequence, ...readTrack(view, box) };
  }
  throw new UnreadableError("no traf");
}

function readTrack(view, traf) {
  let start = 0;
  const defaults = { duration: 0, flags: NON_SYNC };
  for (const box of boxesIn(view, traf.body, traf.end)) {
    if (box.name === "tfhd") readDefaults(view, box, defaults);
    if (box.name === "tfdt") start = baseTime(view, box) / TICKS_A_SECOND;
    if (box.name === "trun") return { start, ...readRun(view, box, defaults) };
  }
  throw new UnreadableError("no trun");
}

function readDefaults(view, box, defaults) {
  const flags = view.getUint32(inside(box, 0, 4)) & 0xffffff;
  let at = 8; // flags, track id
  if (flags & 0x1) at += 8;
  if (flags & 0x2) at += 4;
  if (flags & 0x8) {
    defaults.duration = view.getUint32(inside(box, at, 4));
    at += 4;
  }
  if (flags & 0x10) at += 4;
  if (flags & 0x20) defaults.flags = view.getUint32(inside(box, at, 4));
}

function baseTime(view, box) {
  if (view.getUint8(inside(box, 0, 1)) === 0) return view.getUint32(inside(box, 4, 4));
  return Number(view.getBigUint64(inside(box, 4, 8)));
}

function readRun(view, box, defaults) {
  const flags = view.getUint32(inside(box, 0, 4)) & 0xffffff;
  const count = view.getUint32(inside(box, 4, 4));
  need(count > 0 && count <= SAMPLE_LIMIT);
  let at = 8;
  if (flags & 0x1) at += 4;
  let firstFlags = defaults.flags;
  if (flags & 0x4) {
    firstFlags = view.getUint32(inside(box, at, 4));
    at += 4;
  }
  const stride = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => flags & bit).length;
  inside(box, at, stride * count);
  let decode = 0;
  let first = 0;
  const shown = [];
  for (let index = 0; index < count; index += 1) {
    let field = box.body + at + index * stride;
    let duration = defaults.duration;
    let offset = 0;
    if (flags & 0x100) {
      duration = view.getUint32(field);
      field += 4;
    }
    if (flags & 0x200) field += 4;
    if (flags & 0x400) {
      if (index === 0) firstFlags = view.getUint32(field);
      field += 4;
    }
    if (flags & 0x800) offset = view.getInt32(field);
    if (index === 0) first = offset / TICKS_A_SECOND;
    shown.push((decode + offset) / TICKS_A_SECOND);
    decode += duration;
  }
  shown.sort((a, b) => a - b);
  return { duration: decode / TICKS_A_SECOND, key: (firstFlags & NON_SYNC) === 0, first, shown };
}

/**
 * The `codecs` of an init, for MediaSource.
 * @param {Uint8Array} bytes ftyp + moov
 * @returns {string} "avc1.64001F" | "hvc1.1.6.L93.B0", with ",mp4a.40.2" when there is sound
 */
export function codecsOf(bytes) {
  const view = viewOf(bytes);
  const codecs = [];
  for (const path of walk(view, 0, view.byteLength, ["moov", "trak", "mdia", "minf", "stbl", "stsd"])) {
    for (const entry of boxesIn(view, path.body + 8, path.end)) codecs.push(codecOf(view, entry));
  }
  const known = [...new Set(codecs.filter((codec) => codec !== ""))];
  if (known.length === 0) throw new UnreadableError("no sample entry that we know");
  return known.join(",");
}

function codecOf(view, entry) {
  const VISUAL = 78; // bytes of a VisualSampleEntry before its boxes
  const hex = (at) => view.getUint8(at).toString(16).padStart(2, "0").toUpperCase();
  if (entry.name === "mp4a") return "mp4a.40.2";
  if (!["avc1", "avc3", "hvc1", "hev1"].includes(entry.name)) return "";
  for (const box of boxesIn(view, entry.body + VISUAL, entry.end)) {
    if (box.name === "avcC") {
      inside(box, 0, 4);
      return `${entry.name}.${hex(box.body + 1)}${hex(box.body + 2)}${hex(box.body + 3)}`;
    }
    if (box.name === "hvcC") return `${entry.name}.${hevc(view, box)}`;
  }
  return "";
}

/** ISO/IEC 14496-15 annex E.3. */
function hevc(view, box) {
  inside(box, 0, 13);
  const first = view.getUint8(box.body + 1);
  const space = ["", "A", "B", "C"][first >> 6];
  const tier = first & 0x20 ? "H" : "L";
  let compatibility = 0; // in reverse bit order
  const written = view.getUint32(box.body + 2);
  for (let bit = 0; bit < 32; bit += 1) if (written & (1 << bit)) compatibility |= 1 << (31 - bit);
  const constraints = [];
  for (let index = 0; index < 6; index += 1) constraints.push(view.getUint8(box.body + 6 + index));
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const tail = constraints.map((byte) => `.${byte.toString(16).toUpperCase()}`).join("");
  return `${space}${first & 0x1f}.${(compatibility >>> 0).toString(16).toUpperCase()}.${tier}${view.getUint8(box.body + 12)}${tail}`;
}

function* walk(view, from, to, names) {
  const [name, ...rest] = names;
  for (const box of boxesIn(view, from, to)) {
    if (box.name !== name) continue;
    if (rest.length === 0) yield box;
    else yield* walk(view, box.body, box.end, rest);
  }
}

function* boxesIn(view, from, to) {
  let at = from;
  while (at + 8 <= to) {
    const short = view.getUint32(at);
    const long = short === 1;
    need(!long || at + 16 <= to);
    const size = long ? Number(view.getBigUint64(at + 8)) : short;
    const body = at + (long ? 16 : 8);
    need(size >= body - at && at + size <= to);
    const name = String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7));
    yield { name, body, end: at + size };
    at += size;
  }
}

function inside(box, offset, size) {
  need(box.body + offset + size <= box.end);
  return box.body + offset;
}

function need(truth) {
  if (!truth) throw new UnreadableError("a box is cut short");
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
