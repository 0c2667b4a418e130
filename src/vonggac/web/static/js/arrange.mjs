/** Which tiles stand where, and which stream each needs. Pure. */

/** @param {number} tiles 1, 4, 9, 16 or 25 */
export function gridOf(tiles) {
  const side = Math.ceil(Math.sqrt(tiles));
  return { columns: side, rows: side };
}

export const pagesOf = (cameras, tiles) => Math.max(1, Math.ceil(cameras / tiles));

/** @template T @param {T[]} cameras @returns {T[]} */
export const pageOf = (cameras, page, tiles) => cameras.slice(page * tiles, (page + 1) * tiles);

/** As a person has put them; those that nobody has moved come after, as the server gave them. */
export function ordered(cameras, order) {
  const place = new Map(order.map((id, index) => [id, index]));
  return [...cameras].sort((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity) || 0);
}

/**
 * What a grant should name: all cameras when they fit in one, so that turning a page asks for nothing;
 * else this page and the next.
 * @returns {string[]} ids
 */
export function granted(cameras, page, tiles, limit) {
  const ids = (list) => list.filter((camera) => camera.allowed !== false).map((camera) => camera.id);
  const all = ids(cameras);
  if (all.length <= limit) return all;
  const next = pageOf(cameras, (page + 1) % pagesOf(cameras.length, tiles), tiles);
  return [...new Set([...ids(pageOf(cameras, page, tiles)), ...ids(next)])].slice(0, limit);
}

/**
 * One step with an arrow key.
 * @returns {{index: number, page: -1 | 0 | 1}} past the left or right edge: the next page
 */
export function moved(index, dx, dy, columns, count) {
  if (dy !== 0) {
    const to = index + dy * columns;
    return { index: to >= 0 && to < count ? to : index, page: 0 };
  }
  const to = index + dx;
  if (to < 0) return { index, page: -1 };
  if (to >= count) return { index, page: 1 };
  return { index: to, page: 0 };
}

/** How much wider than the sub stream a tile may be before it gets the main one. */
const STRETCH = 1.35;
/** Width of a sub stream nobody has measured yet, pixels. */
const USUAL_SUB = 704;

/**
 * @param {{main?: {codec?: string, width?: number} | null, sub?: {codec?: string, width?: number} | null}} streams
 * @param {number} width        of the tile, device pixels
 * @param {boolean} enlarged
 * @param {(codecs: string) => boolean} playable
 * @returns {"main" | "sub"}
 */
export function streamFor(streams, width, enlarged, playable) {
  if (!("sub" in streams) || streams.sub === undefined) return "main";
  if (streams.main?.codec && !playable(streams.main.codec)) return "sub";
  if (enlarged) return "main";
  return width > (streams.sub?.width ?? USUAL_SUB) * STRETCH ? "main" : "sub";
}

/**
 * @param {string[]} ids in page order
 * @param {Map<string, number>} inView share of each tile in view, 0 to 1
 * @returns {string[]} at most `limit`, the most visible, ties in page order
 */
export function visibleFirst(ids, inView, limit) {
  return ids
    .filter((id) => (inView.get(id) ?? 0) > 0.2)
    .sort((a, b) => (inView.get(b) ?? 0) - (inView.get(a) ?? 0))
    .slice(0, limit);
}
