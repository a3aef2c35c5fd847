// 从名册选择: how many are chosen, all of this page at once, and a word when nobody is.
import { toast } from './hall.js';

const form = document.querySelector('[data-picking]');
if (form) {
  const ticks = () => [...form.querySelectorAll('input[name=pick]')];
  const sums = () => [...form.querySelectorAll('.r-sum')];
  const chosen = () => new Set([
    ...ticks().filter((box) => box.checked),
    ...sums().filter((input) => input.value.trim()),
  ].map((control) => control.closest('tr')));
  const all = form.querySelector('[data-all-picks]');
  const count = () => {
    const rows = chosen();
    for (const row of form.querySelectorAll('tbody tr')) row.classList.toggle('is-picked', rows.has(row));
    for (const place of form.querySelectorAll('[data-picked]')) {
      place.textContent = rows.size ? `已选 ${rows.size} ${form.dataset.picking}` : '';
    }
    if (all) all.checked = ticks().length > 0 && ticks().every((box) => box.checked);
  };
  form.addEventListener('change', (event) => {
    if (event.target === all) for (const box of ticks()) box.checked = all.checked;
    count();
  });
  form.addEventListener('input', count);
  form.addEventListener('click', (event) => {        // a tick is small: its line is as good
    const row = event.target.closest('tbody tr');
    const box = row?.querySelector('input[name=pick]');
    if (!box || event.target.closest('input, button, a, label')) return;
    box.checked = !box.checked;
    count();
  });
  document.addEventListener('click', (event) => {
    if (!event.target.closest('[data-needs-picks]') || chosen().size) return;
    event.preventDefault();
    event.stopPropagation();
    toast(ticks().length ? '请先勾选' : '请先填写', { kind: 'error' });
  }, true);
  count();
}
