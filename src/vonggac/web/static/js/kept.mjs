/**
 * What this browser keeps of a wall: how many tiles, which page, in which order, whether it cycles.
 */

const place = (site) => `vonggac.wall.${site}`;

/**
 * @param {string} site
 * @returns {{tiles: number, page: number, order: string[], cycling: boolean}}
 */
export function remembered(site) {
  const usual = { tiles: 9, page: 0, order: [], cycling: false };
  try {
    const kept = JSON.parse(localStorage.getItem(place(site)) ?? "{}");
    return {
      tiles: [1, 4, 9, 16, 25].includes(kept.tiles) ? kept.tiles : usual.tiles,
      page: Number.isInteger(kept.page) && kept.page >= 0 ? kept.page : usual.page,
      order: Array.isArray(kept.order) ? kept.order.map(String) : usual.order,
      cycling: kept.cycling === true,
    };
  } catch {
    return usual; // no storage, or not ours
  }
}

/** @param {string} site @param {{tiles: number, page: number, order: string[], cycling: boolean}} wall */
export function keep(site, { tiles, page, order, cycling }) {
  try {
    localStorage.setItem(place(site), JSON.stringify({ tiles, page, order, cycling }));
  } catch {
    // a full or forbidden storage costs the person one click next time
  }
}
