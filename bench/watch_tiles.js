// Runs in the page before its own code: when each tile's first picture came, and how old the
// pictures on the screen are by the bar code in them (src/vonggac/sim/band.py says how it is read).
"use strict";
(() => {
  const known = new Map();
  let reading = false; // reading a canvas holds the thread that shows the next first picture
  const canvas = new OffscreenCanvas(256, 16);
  const context = canvas.getContext("2d", { willReadFrequently: true });

  function millisecondsIn(video) {
    const right = Math.floor(video.videoWidth / 16) * 16;
    if (right < 256) return null;
    context.drawImage(video, right - 256, 0, 256, 16, 0, 0, 256, 16);
    const { data } = context.getImageData(0, 0, 256, 16);
    const bytes = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let cell = 0; cell < 64; cell += 1) {
      const [row, column] = [cell >> 5, cell & 31];
      const at = ((row * 8 + 4) * 256 + column * 8 + 4) * 4;
      // luma 64 and 176 in limited range are 56 and 186 in RGB
      if (data[at + 1] > 121) bytes[cell >> 3] |= 0x80 >> (cell & 7);
    }
    const sum = bytes.slice(0, 7).reduce((total, byte) => (total * 31 + byte) & 0xff, 0x5a);
    if (sum !== bytes[7]) return null;
    return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
  }

  function read(video, record) {
    record.size = `${video.videoWidth}x${video.videoHeight}`;
    const then = millisecondsIn(video);
    if (then === null) record.unread += 1;
    else record.ages.push(((Date.now() % 2 ** 32) - then + 2 ** 32) % 2 ** 32);
  }

  function follow(video, record) {
    const seen = (now) => {
      if (record.first === null) {
        record.first = now;
        seenOne();
      }
      if (reading) read(video, record);
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  }

  function look() {
    for (const video of document.querySelectorAll("article.tile video")) {
      const tile = video.closest("article.tile");
      if (video.dataset.followed || !tile) continue;
      video.dataset.followed = "1";
      const record = known.get(tile.dataset.camera) ?? { first: null, opened: performance.now(), ages: [], unread: 0, size: "" };
      known.set(tile.dataset.camera, record);
      follow(video, record);
    }
  }

  new MutationObserver(look).observe(document, { childList: true, subtree: true });
  const shown = () => [...known.values()].filter((record) => record.first !== null).length;
  const waits = []; // resolved from the frame callback: nobody polls while pictures come
  function seenOne() {
    for (const wait of waits) if (shown() >= wait.tiles) wait.done();
  }

  window.__watched = {
    all: (tiles, limit) =>
      new Promise((done) => {
        waits.push({ tiles, done });
        setTimeout(done, limit);
        seenOne();
      }),
    read: () => (reading = true),
    ages: (camera) => known.get(camera)?.ages ?? [],
    tell: () => ({ tiles: [...known.values()] }),
  };
})();
