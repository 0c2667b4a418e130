// Runs in the playback page before its own code: how long a seek takes until the picture on the
// screen says, by the bar code in it, that it was taken in the second asked for.
"use strict";
(() => {
  const canvas = new OffscreenCanvas(256, 16);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const ROUND = 2 ** 32;

  function millisecondsIn(video) {
    const right = Math.floor(video.videoWidth / 16) * 16;
    if (right < 256) return null;
    context.drawImage(video, right - 256, 0, 256, 16, 0, 0, 256, 16);
    const { data } = context.getImageData(0, 0, 256, 16);
    const bytes = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let cell = 0; cell < 64; cell += 1) {
      const at = (((cell >> 5) * 8 + 4) * 256 + (cell & 31) * 8 + 4) * 4;
      if (data[at + 1] > 121) bytes[cell >> 3] |= 0x80 >> (cell & 7);
    }
    if (bytes.slice(0, 7).reduce((total, byte) => (total * 31 + byte) & 0xff, 0x5a) !== bytes[7]) return null;
    return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
  }

  /** ms from `since` until a picture of [at - 0.1 s, at + 1 s) is presented; null: never. */
  function wait(at, since, limit) {
    return new Promise((resolve) => {
      let done = false;
      const finish = (value) => {
        done = true;
        resolve(value);
      };
      setTimeout(() => !done && finish(null), limit);
      const watched = new WeakSet();
      const look = () => {
        if (done) return;
        for (const video of document.querySelectorAll("#views video")) {
          if (watched.has(video)) continue;
          watched.add(video);
          const seen = (now) => {
            if (done) return;
            const then = millisecondsIn(video);
            const late = then === null ? NaN : (then - (at % ROUND) + ROUND + 100) % ROUND;
            if (late < 1_100) finish(now - since);
            else video.requestVideoFrameCallback(seen);
          };
          video.requestVideoFrameCallback(seen);
        }
        setTimeout(look, 5);
      };
      look();
    });
  }

  window.__sought = {
    wait,
    seek(at) {
      let button = document.getElementById("bench-seek");
      if (button === null) {
        button = document.createElement("button");
        button.id = "bench-seek";
        button.dataset.do = "at";
        button.hidden = true;
        document.body.append(button);
      }
      button.dataset.at = String(at);
      const since = performance.now();
      const found = wait(at, since, 8_000);
      button.click();
      return found;
    },
  };
})();
