// The page of a 清册: cells edited in place, paste from a sheet, ticks, a person looked up, the entry form
// judged while it is typed.  The page works without this file; every verdict and every word of one comes
// from the server, this file only puts it where it belongs.
import { send, toast } from './hall.js';

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const CHECK_MS = 250;
const FIND_MS = 150;
const BROKEN = '网络中断，没有保存，请再试一次。';
const roster = document.getElementById('roster');
const grid = $('[data-grid]');
const say = (text) => { $('[data-live]').textContent = text; };
const asked = (url, how) => send(url, how).catch(() => ({ ok: false, status: 0, body: {} }));

// ── ticks ──────────────────────────────────────────────────────────────────────────────────────
const ticks = () => $$('tbody input[name=seq]', roster);
const ticked = () => ticks().filter((box) => box.checked);
const money = (cents) => {
  const yuan = Math.floor(Math.abs(cents) / 100).toLocaleString('en-US');
  return `${cents < 0 ? '-' : ''}${yuan}.${String(Math.abs(cents) % 100).padStart(2, '0')}`;
};

function countTicks() {
  const chosen = ticked();
  const note = $('[data-ticked]');
  if (note) note.textContent = chosen.length ? `已选 ${chosen.length} 行` : '';
  for (const box of ticks()) box.closest('tr').classList.toggle('is-picked', box.checked);
  const all = $('[data-all]');
  if (all) all.checked = chosen.length > 0 && chosen.length === ticks().length;
  const words = $('[data-some]');
  if (!words) return;
  const rows = chosen.map((box) => box.closest('tr'));
  const bad = rows.filter((row) => row.classList.contains('is-bad')).length;
  const cents = rows.reduce((sum, row) => sum + Number(row.dataset.cents || 0), 0);
  words.textContent = `提交勾选的 ${chosen.length} 行${cents ? `，合计 ${money(cents)} 元` : ''}。`
    + (bad ? `其中 ${bad} 行有误，不能提交，请先改正或取消勾选。` : '没有勾选的留在清册里。');
}

roster.addEventListener('change', (event) => {
  if (event.target.matches('[data-all]')) for (const box of ticks()) box.checked = event.target.checked;
  if (event.target.matches('[data-all], input[name=seq]')) countTicks();
});
$('[data-tick-faulty]')?.addEventListener('click', () => {
  for (const box of ticks()) box.checked = box.closest('tr').classList.contains('is-bad');
  countTicks();
  if (!ticked().length) toast('本页没有有误的行，请用“有误”筛选查看');
});
document.addEventListener('click', (event) => {
  if (!event.target.closest('[data-needs-ticks]') || ticked().length) return;
  event.preventDefault();
  event.stopPropagation();
  toast('请先勾选要办理的行', { kind: 'error' });
}, true);

// ── counters ───────────────────────────────────────────────────────────────────────────────────
function counters(sums) {
  for (const place of $$('[data-count]')) {
    const text = sums[place.dataset.count];
    if (text !== undefined && place.textContent !== text) place.textContent = text;
  }
  const none = sums.sound === '0';
  for (const button of $$('#bar .h-acts button')) button.disabled = none;
}

function put(rows) {
  for (const [seq, html] of Object.entries(rows)) {
    const old = $(`tr[data-row="${seq}"]`, grid);
    if (!old) continue;
    const holder = document.createElement('template');
    holder.innerHTML = html;                             // our own rendered, escaped fragment
    const fresh = holder.content.firstElementChild;
    const box = $('input[name=seq]', old);
    if (box?.checked) $('input[name=seq]', fresh).checked = true;
    old.replaceWith(fresh);
    ready(fresh);
  }
  countTicks();
}

// ── cells: click, Enter or typing opens one; Tab keeps it and goes on; Esc leaves it ───────────
let open = null;                                         // {cell, editor, start}
const cells = (row) => $$('td[data-col]', row);
const rowsOf = () => $$('tbody tr', grid);
const place = (cell) => ({ seq: cell.closest('tr').dataset.row, col: cell.dataset.col });
const at = ({ seq, col }) => $(`tr[data-row="${seq}"] td[data-col="${CSS.escape(col)}"]`, grid);

function ready(row) {
  for (const cell of cells(row)) cell.tabIndex = -1;
}

function focus(cell) {
  if (!cell) return;
  for (const other of $$('td[data-col][tabindex="0"]', grid)) other.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus();
}

function edit(cell, typed) {
  if (open) return;
  const editor = $(`template[data-editor="${CSS.escape(cell.dataset.col)}"]`).content.firstElementChild.cloneNode(true);
  const start = cell.dataset.value;
  editor.value = typed === undefined ? start : typed;
  open = { cell, editor, start, shown: cell.textContent };
  cell.classList.add('is-open');
  cell.replaceChildren(editor);
  editor.focus();
  if (typed === undefined) editor.select?.();
  editor.addEventListener('keydown', keys);
  editor.addEventListener('blur', () => { if (open?.editor === editor) keep(null); });
}

function close(text) {
  const { cell, shown } = open;
  open = null;
  cell.classList.remove('is-open');
  cell.textContent = text === undefined ? shown : text;
}

async function keep(next) {
  const { cell, editor, start } = open;
  const { seq, col } = place(cell);
  const value = editor.value;
  const row = cell.closest('tr');
  if (value.trim() === start.trim()) { close(); focus(next && at(next)); return; }
  close(editor.selectedOptions ? editor.selectedOptions[0].textContent : value);
  cell.dataset.value = value;
  row.setAttribute('aria-busy', 'true');
  focus(next && at(next));
  const { ok, status, body } = await asked(grid.dataset.rows + `/${seq}`, { data: { [col]: value } });
  row.removeAttribute('aria-busy');
  if (!ok) {
    const again = status === 409 ? { action: '刷新', onAction: () => location.reload() } : {};
    toast(body.problem?.text || BROKEN, { kind: 'error', ...again });
    cell.dataset.value = start;
    cell.textContent = start;
    return;
  }
  const here = document.activeElement?.closest?.('td[data-col]');
  const back = here && !open ? place(here) : null;
  const busy = open && open.cell.closest('tr').dataset.row === seq ? { ...place(open.cell), text: open.editor.value } : null;
  if (busy) open = null;                                 // the row is drawn anew under the editor
  put(body.rows);
  counters(body.sums);
  if (busy) edit(at(busy), busy.text);
  else if (back) focus(at(back));
  say(`第 ${seq} 行：${$('.r-verdict', $(`tr[data-row="${seq}"]`, grid)).textContent.trim()}`);
}

function beside(cell, step) {
  const all = $$('td[data-col]', grid);
  const found = all[all.indexOf(cell) + step];
  return found ? place(found) : null;
}

function below(cell, step) {
  const rows = rowsOf();
  const row = rows[rows.indexOf(cell.closest('tr')) + step];
  return row ? { seq: row.dataset.row, col: cell.dataset.col } : null;
}

function keys(event) {
  const { cell } = open;
  if (event.key === 'Escape') { event.preventDefault(); const here = place(cell); close(); focus(at(here)); return; }
  const next = event.key === 'Tab' ? beside(cell, event.shiftKey ? -1 : 1) : below(cell, 1) || place(cell);
  if (event.key === 'Enter' && !event.isComposing) { event.preventDefault(); keep(next); }
  if (event.key === 'Tab' && next) { event.preventDefault(); keep(next); }
}

function move(event) {
  const cell = event.target.closest('td[data-col]');
  if (!cell || open || event.target !== cell) return;
  const to = {
    ArrowRight: () => beside(cell, 1), ArrowLeft: () => beside(cell, -1),
    ArrowDown: () => below(cell, 1), ArrowUp: () => below(cell, -1),
  }[event.key];
  if (to) { event.preventDefault(); const next = to(); if (next) focus(at(next)); return; }
  if (event.key === 'Enter' || event.key === 'F2') { event.preventDefault(); edit(cell); return; }
  if (event.key === 'Delete' || event.key === 'Backspace') { event.preventDefault(); edit(cell, ''); return; }
  if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== ' ') {
    event.preventDefault();
    edit(cell, event.key);
  }
}

if (grid) {
  grid.setAttribute('role', 'grid');
  rowsOf().forEach(ready);
  const first = $('td[data-col]', grid);
  if (first) first.tabIndex = 0;
  grid.addEventListener('keydown', move);
  grid.addEventListener('click', (event) => {
    const cell = event.target.closest('td[data-col]');
    if (cell && !cell.classList.contains('is-open')) { focus(cell); edit(cell); }
  });
}

// ── paste ──────────────────────────────────────────────────────────────────────────────────────
const PASTE_CHARS_MAX = 1000000;

async function paste(text, target) {
  if (text.length > PASTE_CHARS_MAX) {
    toast('粘贴的内容太多，一次最多 2,000 行，请用批量导入。', { kind: 'error' });
    return;
  }
  toast('正在校验粘贴的数据');
  const data = { text, ...(target ? { seq: target.seq, column: target.col, state: grid.dataset.state } : {}) };
  const url = grid ? grid.dataset.rows : $('[data-check]').dataset.check.replace(/check$/, 'rows');
  const { ok, body } = await asked(url, { data });
  if (!ok) { toast(body.problem?.text || BROKEN, { kind: 'error' }); return; }
  location.reload();
}

document.addEventListener('paste', (event) => {
  const typing = event.target.closest?.('input, textarea, select');
  const text = event.clipboardData?.getData('text/plain') || '';
  const table = /[\t\n]/.test(text.trim());
  if (typing && !(typing.classList.contains('r-editor') && table)) return;
  if (!text.trim() || !$('[data-check]')) return;
  const cell = document.activeElement?.closest?.('td[data-col]');
  if (!cell && !table) return;
  event.preventDefault();
  const target = cell ? place(cell) : null;
  if (open) close();
  paste(text, target);
});

// ── the entry form: judged while it is typed, completed from the unit's own people ─────────────
const entry = document.getElementById('single');
if (entry) {
  const computed = $('[data-computed]', entry);
  const said = $('[data-said]', entry);
  const controls = $$('[data-old]', entry);
  const named = Object.fromEntries(controls.map((control) => [control.name, control]));
  let timer = 0;
  let round = 0;

  const fault = (control, text) => {
    const field = control.closest('.h-field');
    const line = $('.h-err', field);
    field.classList.toggle('is-bad', Boolean(text));
    control.classList.toggle('is-invalid', Boolean(text));
    line.textContent = text || '';
    line.hidden = !text;
    if (text) control.setAttribute('aria-invalid', 'true'); else control.removeAttribute('aria-invalid');
  };

  const check = async () => {
    const mine = ++round;
    const values = Object.fromEntries(controls.map((control) => [control.name, control.value]));
    if (!Object.values(values).some((text) => text.trim())) return;
    const { ok, body } = await asked(entry.dataset.check, { data: { values, seq: entry.elements.seq.value } });
    if (!ok || mine !== round) return;
    for (const control of controls) {
      const text = body.problems[control.name];
      if (control !== document.activeElement || !text) fault(control, text);
      const filled = body.values[control.name];
      if (filled && !control.value) control.value = filled;
    }
    said.hidden = !body.said.length;
    $('div', said).textContent = body.said.join('；');
    computed.replaceChildren(...body.computed.map(({ label, text }) => {
      const box = document.createElement('div');
      const term = document.createElement('dt');
      const value = document.createElement('dd');
      term.textContent = label;
      value.textContent = text;
      box.append(term, value);
      return box;
    }));
    computed.hidden = !body.computed.length;
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(check, CHECK_MS); };
  entry.addEventListener('input', (event) => { if (controls.includes(event.target)) later(); });
  entry.addEventListener('change', (event) => { if (controls.includes(event.target)) { clearTimeout(timer); check(); } });

  // ── 查找: a combobox over the unit's own people ──────────────────────────────────────────────
  const find = document.getElementById('find');
  const list = document.getElementById('found');
  let at = -1;
  let wait = 0;

  const shut = () => { list.hidden = true; find.setAttribute('aria-expanded', 'false'); find.removeAttribute('aria-activedescendant'); at = -1; };
  const pick = (option) => {
    const { account, name } = option.dataset;
    for (const [column, text] of [['individual_account_no', account], ['person_name', name]]) {
      if (named[column]) named[column].value = text;
    }
    find.value = name;
    shut();
    check();
    const empty = controls.find((control) => control.required && !control.value);
    (empty || $('button[type=submit]', entry)).focus();
  };
  const draw = (people) => {
    list.replaceChildren(...people.map((one, index) => {
      const option = document.createElement('li');
      option.id = `found-${index}`;
      option.setAttribute('role', 'option');
      option.setAttribute('aria-selected', 'false');
      option.dataset.account = one.account;
      option.dataset.name = one.name;
      option.textContent = one.name;
      const more = document.createElement('span');
      more.textContent = `${one.account}　${one.id_no}　${one.status}`;
      option.append(more);
      option.addEventListener('pointerdown', (event) => { event.preventDefault(); pick(option); });
      return option;
    }));
    if (!people.length) {
      const nobody = document.createElement('li');
      nobody.textContent = '没有找到可以办理的职工，请核对姓名、账号和账户状态。';
      list.append(nobody);
    }
    list.hidden = false;
    find.setAttribute('aria-expanded', 'true');
    at = -1;
  };
  const look = async () => {
    const words = find.value.trim();
    if (!words) { shut(); return; }
    const { ok, body } = await asked(entry.dataset.people, { data: { q: words } });
    if (ok && find.value.trim() === words) draw(body.people);
  };
  find?.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(look, FIND_MS); });
  find?.addEventListener('blur', shut);
  find?.addEventListener('keydown', (event) => {
    const options = $$('[role=option]', list);
    if (event.key === 'Escape') { shut(); return; }
    if (event.key === 'Enter') { event.preventDefault(); if (options[at] || options.length === 1) pick(options[at] || options[0]); return; }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !options.length) return;
    event.preventDefault();
    at = (at + step + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute('aria-selected', String(index === at)));
    options[at].scrollIntoView({ block: 'nearest' });
    find.setAttribute('aria-activedescendant', options[at].id);
  });
  if (new URLSearchParams(location.search).get('edit')) controls[0]?.focus();
  if ($('.is-invalid', entry)) $('.is-invalid', entry).focus();
}

// ── the file ───────────────────────────────────────────────────────────────────────────────────
const file = document.getElementById('file');
if (file) {
  const input = document.getElementById('f-file');
  const line = $('[data-file-error]', file);
  const drop = $('[data-drop]', file);
  const told = (text) => { line.textContent = text; line.hidden = !text; };
  const chosen = () => {
    const one = input.files[0];
    $('[data-chosen]', file).textContent = one ? one.name : '';
    told(one && one.size > Number(file.dataset.maxBytes) ? '文件太大，请分成几个文件后分别导入。' : '');
  };
  input.addEventListener('change', chosen);
  drop.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('is-over'); });
  drop.addEventListener('dragleave', () => drop.classList.remove('is-over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('is-over');
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    chosen();
  });
  file.addEventListener('submit', (event) => {
    if (input.files.length && line.hidden) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!input.files.length) told('请先选择要导入的文件。');
    input.focus();
  }, true);
}

// ── choices of the whole roster ────────────────────────────────────────────────────────────────
$('[data-choices]')?.addEventListener('change', (event) => {
  const form = event.target.form;
  form.requestSubmit($('button[name=action]', form));
});
countTicks();
$('[data-summary]')?.focus();
