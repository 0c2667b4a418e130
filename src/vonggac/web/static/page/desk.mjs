/** The desk's clock: the server's time, moved by the browser's own steady clock. Nothing else moves. */

const clock = document.querySelector("[data-clock]");
if (clock) {
  const shown = clock.querySelector("time");
  const started = Number(BigInt(clock.dataset.clock) / 1_000_000n);
  const since = performance.now();
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Ho_Chi_Minh", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  setInterval(() => {
    shown.textContent = parts.format(new Date(started + performance.now() - since));
  }, 1000);
}
