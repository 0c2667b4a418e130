/**
 * Is this export what the site recorded? The same questions as `vonggac verify`, in a browser.
 *
 * A classic script: modules do not load from a disk (file://), and a court may have no network.
 * Nothing is sent anywhere. `vonggacVerify.verify(file, key, told)` is the whole of it; the page
 * below it only shows. The format is that of vonggac.evidence.manifest.
 */
"use strict";

(() => {
  const MAX_MANIFEST = 64 * 1024 * 1024;
  const MAX_SEALED = 2 * 262144;
  const MAX_FAULTS = 200;
  const BLOCK = 4 * 1024 * 1024;
  const SPAN_ENDS = 1_000_000_000n;
  const IDENTITY = "9b2f6e0a7c514d278a53564749444e54";
  const NTP_EPOCH_S = 2208988800n;
  const utf8 = new TextDecoder("utf-8", { fatal: true });

  // -- bytes ---------------------------------------------------------------------------------------

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

  function fromHex(text) {
    const bytes = new Uint8Array(text.length / 2);
    for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(text.substr(2 * at, 2), 16);
    return bytes;
  }

  function fromBase64(text) {
    const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
  }

  const toBase64Url = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

  function joined(...pieces) {
    const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  // -- SHA-256 (FIPS 180-4): incremental, and the only one where a page came without https ----------

  const K = new Uint32Array([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  ]);

  class Sha256 {
    constructor() {
      this.state = new Uint32Array([
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
      ]);
      this.words = new Uint32Array(64);
      this.rest = new Uint8Array(64);
      this.held = 0;
      this.size = 0;
    }

    update(bytes) {
      this.size += bytes.length;
      let at = 0;
      if (this.held) {
        at = Math.min(64 - this.held, bytes.length);
        this.rest.set(bytes.subarray(0, at), this.held);
        this.held += at;
        if (this.held < 64) return this;
        this.block(this.rest, 0);
        this.held = 0;
      }
      for (; at + 64 <= bytes.length; at += 64) this.block(bytes, at);
      this.rest.set(bytes.subarray(at));
      this.held = bytes.length - at;
      return this;
    }

    block(bytes, at) {
      const w = this.words;
      for (let i = 0; i < 16; i++, at += 4) {
        w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
      }
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15], y = w[i - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
      }
      let [a, b, c, d, e, f, g, h] = this.state;
      for (let i = 0; i < 64; i++) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      const s = this.state;
      s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
    }

    digest() {
      const bits = this.size * 8;
      const pad = new Uint8Array((this.held < 56 ? 64 : 128) - this.held);
      pad[0] = 0x80;
      const view = new DataView(pad.buffer);
      view.setUint32(pad.length - 8, Math.floor(bits / 2 ** 32));
      view.setUint32(pad.length - 4, bits >>> 0);
      this.update(pad);
      const out = new DataView(new ArrayBuffer(32));
      this.state.forEach((word, index) => out.setUint32(4 * index, word));
      return new Uint8Array(out.buffer);
    }
  }

  const subtle = globalThis.crypto?.subtle;

  async function sha256(...pieces) {
    if (subtle) return new Uint8Array(await subtle.digest("SHA-256", pieces.length === 1 ? pieces[0] : joined(...pieces)));
    const hash = new Sha256();
    for (const piece of pieces) hash.update(piece);
    return hash.digest();
  }

  const ZERO = new Uint8Array([0]);
  const ONE = new Uint8Array([1]);
  const leaf = (content) => sha256(ZERO, content);
  const node = (left, right) => sha256(ONE, left, right);

  /** RFC 9162 section 2.1.1: the root over leaf hashes. */
  async function merkleRoot(leaves) {
    if (!leaves.length) return sha256(new Uint8Array());
    let level = leaves;
    while (level.length > 1) {
      const above = [];
      for (let at = 0; at + 1 < level.length; at += 2) above.push(await node(level[at], level[at + 1]));
      if (level.length % 2) above.push(level.at(-1));
      level = above;
    }
    return level[0];
  }

  /** RFC 9162 section 2.1.3.2: where a leaf and its path lead; null if they lead nowhere. */
  async function rootFromPath(hash, index, count, path) {
    if (index < 0 || index >= count) return null;
    let at = index, last = count - 1, here = hash;
    for (const beside of path) {
      if (last === 0) return null;
      if (at % 2 || at === last) {
        here = await node(beside, here);
        while (at % 2 === 0 && at) {
          at = Math.floor(at / 2);
          last = Math.floor(last / 2);
        }
      } else {
        here = await node(here, beside);
      }
      at = Math.floor(at / 2);
      last = Math.floor(last / 2);
    }
    return last === 0 ? here : null;
  }

  // -- the ZIP: stored entries only, as the exporter writes them --------------------------------------

  async function entries(file) {
    const read = async (start, end) => new DataView(await file.slice(start, end).arrayBuffer());
    const tailAt = Math.max(0, file.size - 65557);
    const tail = await read(tailAt, file.size);
    let end = tail.byteLength - 22;
    while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end--;
    if (end < 0) throw new Error("this is no ZIP, or it is cut off");
    let count = tail.getUint16(end + 10, true);
    let size = tail.getUint32(end + 12, true);
    let start = tail.getUint32(end + 16, true);
    if (end >= 20 && tail.getUint32(end - 20, true) === 0x07064b50) {
      const wide = await read(Number(tail.getBigUint64(end - 12, true)), Number(tail.getBigUint64(end - 12, true)) + 56);
      if (wide.byteLength < 56 || wide.getUint32(0, true) !== 0x06064b50) throw new Error("the ZIP is damaged");
      count = Number(wide.getBigUint64(32, true));
      size = Number(wide.getBigUint64(40, true));
      start = Number(wide.getBigUint64(48, true));
    }
    if (count > 20_000 || size > 64 * 1024 * 1024) throw new Error("the ZIP has more files than an export");
    const directory = await read(start, start + size);
    const found = new Map();
    let at = 0;
    for (let number = 0; number < count; number++) {
      if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== 0x02014b50) throw new Error("the ZIP is damaged");
      const flags = directory.getUint16(at + 8, true);
      const method = directory.getUint16(at + 10, true);
      let length = directory.getUint32(at + 24, true);
      const nameSize = directory.getUint16(at + 28, true);
      const extraSize = directory.getUint16(at + 30, true);
      const commentSize = directory.getUint16(at + 32, true);
      let offset = directory.getUint32(at + 42, true);
      const name = utf8.decode(new Uint8Array(directory.buffer, directory.byteOffset + at + 46, nameSize));
      let extra = at + 46 + nameSize;
      const extraEnd = extra + extraSize;
      while (extra + 4 <= extraEnd) {
        const kind = directory.getUint16(extra, true);
        const bytes = directory.getUint16(extra + 2, true);
        if (kind === 1) {
          let field = extra + 4;
          if (length === 0xffffffff) {
            length = Number(directory.getBigUint64(field, true));
            field += 8;
          }
          if (directory.getUint32(at + 20, true) === 0xffffffff) field += 8;
          if (offset === 0xffffffff) offset = Number(directory.getBigUint64(field, true));
        }
        extra += 4 + bytes;
      }
      if (method !== 0 || flags & 1) throw new Error(`${name} is compressed or encrypted; an export is not`);
      if (found.has(name)) throw new Error(`${name} is in the ZIP twice`);
      const local = await read(offset, offset + 30);
      if (local.byteLength < 30 || local.getUint32(0, true) !== 0x04034b50) throw new Error("the ZIP is damaged");
      const begin = offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
      if (begin + length > file.size) throw new Error(`${name} is cut off: the ZIP is not whole`);
      found.set(name, { size: length, slice: (from, to) => file.slice(begin + from, begin + Math.min(to, length)) });
      at = extraEnd + commentSize;
    }
    return found;
  }

  const content = async (entry) => new Uint8Array(await entry.slice(0, entry.size).arrayBuffer());

  /** Reads an entry from its start, so many bytes at a time, ahead in blocks. */
  class Reader {
    constructor(entry) {
      this.entry = entry;
      this.at = 0;
      this.block = new Uint8Array();
      this.from = 0;
    }

    async take(size) {
      const end = Math.min(this.at + size, this.entry.size);
      if (this.at < this.from || end > this.from + this.block.length) {
        this.from = this.at;
        this.block = new Uint8Array(await this.entry.slice(this.at, Math.max(end, this.at + BLOCK)).arrayBuffer());
      }
      const found = this.block.subarray(this.at - this.from, end - this.from);
      this.at = end;
      return found;
    }
  }

  // -- signed facts --------------------------------------------------------------------------------

  /** A signed fact as it lies in a file; nothing in it is verified. Integers beyond 2**53 are text (`big`). */
  async function sealed(entry, site) {
    if (entry.size > MAX_SEALED) throw new Error("longer than any signed fact");
    const bytes = await content(entry);
    const text = utf8.decode(bytes);
    const [version, who, epoch, sequence, payload, signature] = JSON.parse(text);
    const body = fromBase64(payload), sign = fromBase64(signature);
    const again = `[${version},"${who}",${epoch},${sequence},"${toBase64(body)}","${toBase64(sign)}"]`;
    if (version !== 1 || again !== text) throw new Error("a signed fact is not written as the program writes it");
    if (who !== site) throw new Error("signed by another site");
    const head = new TextEncoder().encode(`vonggac fact 1\n${who}\n${epoch}\n${sequence}\n`);
    return { who, place: [epoch, sequence], signed: joined(head, body), sign, text: utf8.decode(body), fact: big(utf8.decode(body)) };
  }

  /** The bytes of a public key or a signature in base64url; it has one spelling. */
  function bytesOf(text, size) {
    const bytes = typeof text === "string" ? fromBase64(text) : new Uint8Array();
    if (bytes.length !== size || toBase64Url(bytes) !== text) throw new Error("an announcement spells its keys in another way than the program");
    return bytes;
  }

  const isSigned = (bytes, sign, key) => sign.length === 64 && nacl.sign.detached.verify(bytes, sign, fromBase64(key));
  const isBefore = ([a, b], [c, d]) => a < c || (a === c && b < d);

  /** The keys of a site, one after the other: which one signs what (vonggac.keys.chain). */
  class Chain {
    constructor(site, first) {
      this.site = site;
      this.keys = [first];
      this.ends = [];
      this.changes = [];
    }

    get current() {
      return this.keys.at(-1);
    }

    /** The number of the only key that may have signed a fact at this place. */
    numberAt(place) {
      return this.ends.filter((end) => isBefore(end, place)).length;
    }

    /** A fact that the site signed, with the key of its place. */
    async genuine(entry) {
      const found = await sealed(entry, this.site);
      const number = this.numberAt(found.place);
      if (isSigned(found.signed, found.sign, this.keys[number])) return found;
      const other = this.keys.findIndex((key, at) => at !== number && isSigned(found.signed, found.sign, key));
      if (other < 0) throw new Error("a fact's signature is not the site's");
      throw new Error(`a fact is signed with key ${other + 1} of the site, which ${other < number ? "had ended before it" : "did not sign yet"}`);
    }

    /** Take the site's next key, announced by the last one and countersigned by the new one. */
    follow({ fact, place, signed, sign }) {
      if (fact.kind !== "key") throw new Error("a fact that announces no key");
      bytesOf(fact.old, 32);
      bytesOf(fact.new, 32);
      const proof = bytesOf(fact.proof, 64);
      const said = `announcement ${fact.number} of a key`;
      if (!isSigned(signed, sign, this.current)) {
        const ended = this.keys.slice(0, -1).some((key) => isSigned(signed, sign, key));
        throw new Error(`${said} is signed ${ended ? "with a key that had ended before it" : "by a stranger, not with the site's key before it"}`);
      }
      const last = this.changes.length;
      if (fact.number !== last + 1) throw new Error(`${said} does not follow number ${last}: the chain is broken`);
      if (fact.old !== this.current) throw new Error(`${said} ends another key than the one before it: the chain is broken`);
      if (this.keys.includes(fact.new)) throw new Error(`${said} goes back to a key that has ended`);
      if (last && !isBefore(this.ends.at(-1), place)) throw new Error(`${said} stands before number ${last}`);
      const words = ["vonggac key 1", this.site, ...place, fact.number, fact.at, fact.old, fact.new, ""].join("\n");
      if (!isSigned(new TextEncoder().encode(words), proof, fact.new)) throw new Error(`${said} is not countersigned with the key that it announces`);
      this.keys.push(fact.new);
      this.ends.push(place);
      this.changes.push(fact);
    }
  }

  const announcement = (number) => `keys/${String(number).padStart(6, "0")}.json`;

  /** The keys of the site, as far as the export and the key that was given agree (vonggac.evidence.signers). */
  async function chainOf(files, manifest, given, fault) {
    if (manifest.v === 1) {
      if (given && given !== manifest.key) fault("the export names another key than the one that was given");
      return new Chain(manifest.site, given || manifest.key);
    }
    const names = Object.keys(manifest.files).filter((name) => name.startsWith("keys/"));
    let chain = null;
    for (let number = 1; number <= Math.max(names.length, 1); number++) {
      const name = announcement(number);
      if (!names.includes(name) || !files.has(name)) {
        fault(`the chain of keys is broken: ${name} is missing`);
        break;
      }
      try {
        const told = await sealed(files.get(name), manifest.site);
        if (!chain) {
          bytesOf(told.fact.old, 32);
          chain = new Chain(manifest.site, told.fact.old);
        }
        chain.follow(told);
      } catch (error) {
        fault(`${name}: ${error.message}`);
        break;
      }
    }
    chain ??= new Chain(manifest.site, manifest.key);
    if (chain.current !== manifest.key) fault("the manifest names another key than the last that was announced");
    if (given && !chain.keys.includes(given)) fault("the key that was given is none of those that the site has had");
    return chain;
  }

  const fingerprint = async (key) => hex(await sha256(fromBase64(key))).replace(/(.{4})(?=.)/g, "$1 ");

  /** JSON with every integer of 16 digits or more as a string: the browser's numbers lose digits. */
  const big = (text) => JSON.parse(text.replace(/(?<=[[:,])(-?\d{16,})(?=[,\]}])/g, '"$1"'));

  /** The exact bytes of a page inside its fact: what its hash is over. */
  function pageText(text) {
    const begin = text.indexOf('"page":{') + 7;
    let depth = 0, quoted = false;
    for (let at = begin; at < text.length; at++) {
      const letter = text[at];
      if (quoted) {
        if (letter === "\\") at++;
        else if (letter === '"') quoted = false;
      } else if (letter === '"') quoted = true;
      else if (letter === "{") depth++;
      else if (letter === "}" && --depth === 0) return text.slice(begin, at + 1);
    }
    throw new Error("a fact without its page");
  }

  // -- recorded bytes ------------------------------------------------------------------------------

  /** Whose recording an init is: site, camera, stream, run. */
  function identityOf(init) {
    const type = fromHex(IDENTITY);
    for (let at = 0; at + 17 < init.length; at++) {
      if (type.every((byte, index) => init[at + index] === byte)) {
        let place = at + 17;
        const names = [];
        for (let number = 0; number < 3; number++) {
          names.push(utf8.decode(init.subarray(place + 1, place + 1 + init[place])));
          place += 1 + init[place];
        }
        return [...names, hex(init.subarray(place, place + 16))];
      }
    }
    throw new Error("an init that does not say whose it is");
  }

  /** When the first picture of a part was taken (prft, ISO/IEC 14496-12 section 8.16.5). */
  function wallOf(part) {
    const view = new DataView(part.buffer, part.byteOffset, part.length);
    if (part.length < 32 || view.getUint32(0) !== 32 || view.getUint32(4) !== 0x70726674) throw new Error("no part where one should begin");
    let seconds = BigInt(view.getUint32(16));
    if (seconds < 2n ** 31n) seconds += 2n ** 32n;
    const fraction = BigInt(view.getUint32(20));
    return (seconds - NTP_EPOCH_S) * 1_000_000_000n + ((fraction * 1_000_000_000n + (1n << 31n)) >> 32n);
  }

  // -- times ---------------------------------------------------------------------------------------

  const moment = (ns) => new Date(Number(BigInt(ns) / 1_000_000n)).toISOString();
  const least = (a, b) => (a < b ? a : b);
  const most = (a, b) => (a > b ? a : b);

  function uncovered([from, to], covered, tolerance) {
    const holes = [];
    let reach = from;
    for (const [begin, end] of [...covered].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
      if (end <= reach) continue;
      if (begin >= to) break;
      if (begin - reach > tolerance) holes.push([reach, begin]);
      reach = end;
    }
    if (to - reach > tolerance) holes.push([reach, to]);
    return holes;
  }

  // -- the whole -----------------------------------------------------------------------------------

  /**
   * Verify an export.
   *
   * @param {Blob} file the ZIP.
   * @param {string} given the site's public key from somewhere else, or "".
   * @param {(share: number) => void} told called with how much of the clips is read, 0 to 1.
   * @returns {Promise<object>} as `vonggac verify --json` prints it.
   */
  async function verify(file, given = "", told = () => {}) {
    const found = { ok: false, site: "", site_title: "", export: "", cameras: [], from: null, to: null, gaps: [], faults: [], parts: 0, key: "", key_changes: [], key_given: Boolean(given) };
    try {
      await check(file, given.trim(), told, found);
    } catch (error) {
      found.faults.push(error.message);
    }
    if (found.faults.length > MAX_FAULTS) found.faults.length = MAX_FAULTS;
    found.ok = found.faults.length === 0;
    return found;
  }

  async function check(file, given, told, found) {
    const files = await entries(file);
    const fault = (said) => found.faults.push(said);
    const named = files.get("manifest.json");
    if (!named) throw new Error("there is no manifest.json: this is no export, or it was cut");
    if (named.size > MAX_MANIFEST) throw new Error("manifest.json is longer than any that the program writes");
    const bytes = await content(named);
    let manifest;
    try {
      manifest = JSON.parse(utf8.decode(bytes));
      if (![1, 2].includes(manifest.v) || !manifest.cameras.length) throw new Error("of another version");
    } catch (error) {
      throw new Error(`manifest.json was changed: ${error.message}`);
    }
    Object.assign(found, { site: manifest.site, site_title: manifest.site_title, export: manifest.export, from: moment(manifest.from), to: moment(manifest.to) });
    found.cameras = manifest.cameras.map((camera) => camera.camera);
    if (fromBase64(given || manifest.key).length !== 32) throw new Error("the public key is not 32 bytes in base64url");
    const chain = await chainOf(files, manifest, given, fault);
    found.key = await fingerprint(chain.current);
    for (const one of chain.changes) {
      found.key_changes.push({ at: moment(one.at), old: await fingerprint(one.old), new: await fingerprint(one.new) });
    }

    const seal = files.get("seal.json");
    if (!seal) fault("there is no seal.json: the site's signature is missing");
    else {
      try {
        const { fact, place } = await chain.genuine(seal);
        if (chain.numberAt(place) !== chain.changes.length) fault("seal.json: signed with a key that had ended before this export");
        else if (fact.kind !== "anchor" || fact.what !== "export" || fact.name !== manifest.export) fault("seal.json is a fact of the site about something else");
        else if (fact.digest !== hex(await sha256(bytes))) fault("manifest.json was changed: it is not the one that the site signed");
      } catch (error) {
        fault(`seal.json: ${error.message}`);
      }
    }

    const clips = manifest.cameras.flatMap((camera) => camera.clips);
    const expected = new Set(["manifest.json", "seal.json", ...Object.keys(manifest.files), ...clips.map((clip) => clip.file)]);
    for (const name of files.keys()) if (!expected.has(name)) fault(`${name}: the manifest does not name it`);
    for (const name of expected) if (!files.has(name) && name !== "seal.json") fault(`${name} is missing`);
    for (const [name, digest] of Object.entries(manifest.files)) {
      const entry = files.get(name);
      if (!entry) continue;
      const hash = new Sha256();
      const reader = new Reader(entry);
      while (reader.at < entry.size) hash.update(await reader.take(BLOCK));
      if (hex(hash.digest()) !== digest) fault(`${name} was changed`);
    }

    const progress = { done: 0, total: Math.max(1, clips.reduce((size, clip) => size + clip.size, 0)), told };
    for (const camera of manifest.cameras) await checkCamera(files, manifest, camera, chain, found, progress);
  }

  async function checkCamera(files, manifest, camera, chain, found, progress) {
    const fault = (said) => found.faults.push(`${camera.camera}: ${said}`);
    const gap = (from, to, cause) => found.gaps.push({ camera: camera.camera, from: moment(from), to: moment(to), cause });
    const pages = new Map();
    let before = null;
    for (const name of camera.pages) {
      const entry = files.get(name);
      if (!entry) continue;
      try {
        const { text, fact } = await chain.genuine(entry);
        if (fact.kind !== "page") throw new Error("a fact of the site about something else");
        const page = fact.page;
        if (page.site !== manifest.site || page.camera !== camera.camera) throw new Error("a page of another camera");
        const digest = hex(await sha256(new TextEncoder().encode(pageText(text))));
        if (before && (page.number !== before.page.number + 1 || page.previous !== before.digest)) fault(`${name} does not continue ${before.name}`);
        before = { page, digest, name };
        pages.set(page.number, page);
      } catch (error) {
        fault(`${name}: ${error.message}`);
      }
    }
    const ordered = [...pages.values()].sort((a, b) => a.number - b.number);
    const from = BigInt(manifest.from), to = BigInt(manifest.to);
    let reach = from;
    for (const page of ordered) {
      if (BigInt(page.from) > reach && page.number === 0) {
        gap(reach, page.from, "before_ledger");
        reach = BigInt(page.from);
      }
      if (BigInt(page.from) <= reach) reach = most(reach, BigInt(page.to));
    }
    if (reach < to) fault(`no signed page says what was from ${moment(reach)} to ${moment(to)}`);

    const covered = [];
    let last = [-1, -1];
    for (const clip of camera.clips) {
      const entry = files.get(clip.file);
      if (!entry) continue;
      if (entry.size < clip.size) fault(`${clip.file} is cut: ${entry.size} of ${clip.size} bytes are there`);
      if (entry.size > clip.size) fault(`${clip.file}: ${entry.size - clip.size} bytes were added`);
      const faults = found.faults.length;
      const whole = new Sha256();
      const reader = new Reader(entry);
      whole.update(await reader.take(clip.index));
      const known = new Map();
      clip.segments.forEach((segment, number) => segment.parts.forEach(([, hash], at) => known.set(hash, `${number}/${at}`)));
      for (const [number, segment] of clip.segments.entries()) {
        const name = `${clip.file}: segment ${number + 1}`;
        if (segment.page < last[0] || (segment.page === last[0] && segment.index <= last[1])) fault(`${name} is not in order of time`);
        last = [segment.page, segment.index];
        const init = (await reader.take(segment.init)).slice();
        whole.update(init);
        let intact = hex(await leaf(init)) === segment.init_hash;
        if (!intact) fault(`${clip.file}: the init of segment ${number + 1} was changed`);
        const leaves = [segment.init_hash, ...segment.before].map(fromHex);
        const length = BigInt(segment.to) - BigInt(segment.from);
        let first = null;
        for (const [at, [size, hash]] of segment.parts.entries()) {
          const part = (await reader.take(size)).slice();
          whole.update(part);
          first ??= part;
          leaves.push(fromHex(hash));
          const is = hex(await leaf(part));
          if (is === hash) {
            found.parts += 1;
            continue;
          }
          intact = false;
          const near = moment(BigInt(segment.from) + (BigInt(at) * length) / BigInt(segment.parts.length));
          const where = `${clip.file}: part ${at + 1} of segment ${number + 1}, about ${near},`;
          if (known.has(is) && known.get(is) !== `${number}/${at}`) fault(`${where} is out of order: another part stands there`);
          else if (part.length < size) fault(`${where} is cut off`);
          else fault(`${where} was changed`);
        }
        leaves.push(...segment.after.map(fromHex));
        if (hex(await merkleRoot(leaves)) !== segment.root) fault(`${name}: its parts do not lead to its root`);
        const page = pages.get(segment.page);
        const stream = page?.streams.find((one) => one.stream === camera.stream);
        if (!stream) fault(`${name}: the page that holds it is not here`);
        else {
          const root = await rootFromPath(await leaf(fromHex(segment.root)), segment.index, stream.segments, segment.path.map(fromHex));
          if (!root || hex(root) !== stream.root) fault(`${name} is not in the page that the site signed`);
        }
        if (intact) {
          try {
            const [site, of, kind, run] = identityOf(init);
            if (site !== manifest.site || of !== camera.camera || kind !== camera.stream || run !== segment.run) fault(`${name} is of ${of}/${kind}, another recording`);
            const start = wallOf(first) + BigInt(segment.shift);
            if (start !== BigInt(segment.from)) fault(`${name} is of ${moment(start)}, not of ${moment(segment.from)}`);
            if (page && !segment.before.length && (start < BigInt(page.from) || start >= BigInt(page.to))) fault(`${name} is of ${moment(start)}, outside of the page that holds it`);
          } catch (error) {
            fault(`${name} cannot be read: ${error.message}`);
          }
        }
        if (covered.length && BigInt(segment.from) < covered.at(-1)[1] - SPAN_ENDS) fault(`${name} begins before the one before it ends`);
        covered.push([BigInt(segment.from), BigInt(segment.to)]);
        progress.told((progress.done + reader.at) / progress.total);
      }
      while (reader.at < entry.size) whole.update(await reader.take(BLOCK));
      progress.done += clip.size;
      progress.told(progress.done / progress.total);
      if (hex(whole.digest()) !== clip.sha256 && found.faults.length === faults) fault(`${clip.file}: its index was changed; the recorded parts are whole`);
    }

    const declared = camera.absent.map((one) => [BigInt(one.from), BigInt(one.to)]);
    for (const one of camera.absent) gap(one.from, one.to, one.why);
    const gaps = [];
    for (const page of ordered) {
      const stream = page.streams.find((one) => one.stream === camera.stream);
      if (!stream) continue;
      const spans = stream.spans.map(([a, b]) => [BigInt(a), BigInt(b)]);
      const recorded = spans.reduce((sum, [a, b]) => sum + b - a, 0n);
      const tolerance = most(SPAN_ENDS, (4n * recorded) / BigInt(Math.max(1, stream.pictures)));
      for (const [a, b] of spans) {
        const window = [most(a, from), least(b, to)];
        for (const [begin, end] of uncovered(window, [...covered, ...declared], tolerance)) {
          fault(`cut: ${moment(begin)} to ${moment(end)} was recorded and is not here`);
        }
      }
      for (const one of stream.gaps) {
        const begin = most(BigInt(one.from), from), end = least(BigInt(one.to), to);
        if (begin >= end) continue;
        const previous = gaps.at(-1);
        if (previous && previous[1] === begin && previous[2] === one.cause) previous[1] = end;
        else gaps.push([begin, end, one.cause]);
      }
    }
    const said = camera.gaps.map((one) => `${one.from} ${one.to} ${one.cause}`).join();
    if (said !== gaps.map((one) => one.join(" ")).join()) fault("the gaps that the manifest names are not those of the signed pages");
    for (const [begin, end, cause] of gaps) gap(begin, end, cause);
  }

  globalThis.vonggacVerify = { verify, Sha256, hex };
})();
