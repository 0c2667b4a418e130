/**
 * The browser's own key: made here, used to sign the server's nonce, never sent.
 *
 * WebCrypto has Ed25519 from Chromium 137, Firefox 129 and Safari 17, and only on https or
 * localhost; elsewhere (a site's own network without a certificate, older desks) the vendored
 * TweetNaCl does the same, loaded only then.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; // RFC 4648 section 6, no padding
const USER = 20 << 3; // nkeys: prefix byte of a user's public key, so that it starts with "U"

/**
 * @typedef {object} Key
 * @property {string} name  public nkey, 56 characters, "U..."
 * @property {(bytes: Uint8Array) => Promise<Uint8Array>} sign  64-byte Ed25519 signature
 */

/** @returns {Promise<Key>} */
export async function makeKey() {
  const pair = await webCryptoPair();
  return pair ?? naclPair();
}

async function webCryptoPair() {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return null;
  try {
    const { privateKey, publicKey } = await subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    const raw = new Uint8Array(await subtle.exportKey("raw", publicKey));
    return {
      name: userName(raw),
      sign: async (bytes) => new Uint8Array(await subtle.sign({ name: "Ed25519" }, privateKey, bytes)),
    };
  } catch {
    return null; // NotSupportedError: an older browser
  }
}

async function naclPair() {
  await import("../vendor/nacl-fast-1.0.3.min.js"); // a script of the module-less age: it leaves `nacl` on the window
  const { nacl } = /** @type {any} */ (globalThis);
  const pair = nacl.sign.keyPair();
  return { name: userName(pair.publicKey), sign: async (bytes) => nacl.sign.detached(bytes, pair.secretKey) };
}

/** The text form of a user's public key: base32 of prefix, 32 bytes and CRC-16 (little-endian). */
export function userName(raw) {
  const bytes = new Uint8Array(35);
  bytes[0] = USER;
  bytes.set(raw, 1);
  const check = crc16(bytes.subarray(0, 33));
  bytes[33] = check & 0xff;
  bytes[34] = check >> 8;
  return base32(bytes);
}

/** CRC-16/XMODEM, as nkeys uses it. */
export function crc16(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

function base32(bytes) {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      text += ALPHABET[(held >> (bits - 5)) & 31];
      bits -= 5;
    }
    held &= (1 << bits) - 1;
  }
  return bits ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/** @param {Uint8Array} bytes @returns {string} base64url without padding, as CONNECT's `sig` wants it */
export function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
