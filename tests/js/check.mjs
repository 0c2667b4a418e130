/**
 * Tests of the pure modules, the same files in Chromium (tests/browser/test_modules.py, what `make test`
 * runs) and under `node --test tests/js` (quicker while writing).
 */

const inNode = typeof process !== "undefined";

/** @type {{name: string, error: string | null}[]} */
export const outcomes = [];

async function inBrowser(name, body) {
  try {
    await body();
    outcomes.push({ name, error: null });
  } catch (error) {
    outcomes.push({ name, error: String(error.stack ?? error) });
  }
}

export const test = inNode ? (await import("node:test")).test : inBrowser;

export function equal(actual, expected) {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`got ${left}, expected ${right}`);
}

export function near(actual, expected, tolerance) {
  if (!(Math.abs(actual - expected) <= tolerance)) throw new Error(`got ${actual}, expected ${expected} ± ${tolerance}`);
}

export function throws(act, kind) {
  try {
    act();
  } catch (error) {
    if (error instanceof kind) return;
    throw error;
  }
  throw new Error(`no ${kind.name} was thrown`);
}
