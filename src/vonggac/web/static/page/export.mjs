/** An export's page while it is built: the bar moves, and the page is fetched again when it is over. */

const panel = document.querySelector("[data-export]");
const bar = panel?.querySelector("progress");
/** Between two questions, ms: a person watches, a machine works. */
const EVERY_MS = 2000;

async function look() {
  const response = await fetch(`/api/v1/exports/${panel.dataset.export}`, { headers: { accept: "application/json" } });
  if (!response.ok) return;
  const found = await response.json();
  if (found.state !== panel.dataset.state || found.progress.step !== (panel.dataset.step ?? found.progress.step)) {
    location.reload();
    return;
  }
  panel.dataset.step = found.progress.step;
  if (bar) bar.value = found.progress.percent;
}

if (panel) setInterval(() => look().catch(() => {}), EVERY_MS);
