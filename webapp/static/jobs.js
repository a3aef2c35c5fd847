// The progress of a running job, asked for while somebody looks; the page is drawn anew when it is over.
import { send } from './hall.js';

const FIRST_MS = 800;
const SLOWEST_MS = 5000;                               // a job of an hour need not be asked every second

const room = document.querySelector('[data-job]');
const bar = room.querySelector('progress');
const say = (name, text) => {
  const place = document.querySelector(`[data-job-${name}]`);
  if (place.textContent !== text) place.textContent = text;
};

function draw(job) {
  const label = document.querySelector('[data-job-label] .h-state');
  if (label.textContent !== job.label) label.textContent = job.label;
  say('count', job.text);
  say('percent', job.total ? `${job.percent}%` : '');
  say('message', job.message);
  if (!job.total) return;
  bar.max = job.total;
  bar.value = job.done;
}

let wait = FIRST_MS;
async function look() {
  if (!document.hidden) {
    const { ok, body } = await send(room.dataset.job, { method: 'GET' }).catch(() => ({ ok: false }));
    if (ok) draw(body);
    if (ok && body.over && !document.querySelector(':popover-open')) { location.reload(); return; }
  }
  wait = Math.min(wait * 1.2, SLOWEST_MS);
  setTimeout(look, wait);
}
setTimeout(look, wait);
document.addEventListener('visibilitychange', () => { wait = FIRST_MS; });
