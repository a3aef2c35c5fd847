// Deciding, on the request page and on the desk: common opinions, reasons asked before 退回 and 驳回, the
// desk's preview pane and keys. The server checks all of it again and works without this file.
(() => {
  'use strict';
  // ── one decision form (request page bar or desk pane) ─────────────────────────────────────
  const NEEDS_REASON = { return: '退回', refuse: '驳回', answer: '回复' };
  const verbOf = (button) => button?.dataset.verb || '';

  const reasonLine = (form, text) => {
    const line = form.querySelector('[data-reason-error]');
    const opinion = form.querySelector('[data-opinion]');
    line.textContent = text;
    line.hidden = !text;
    opinion.classList.toggle('is-invalid', Boolean(text));
    if (text) opinion.setAttribute('aria-invalid', 'true'); else opinion.removeAttribute('aria-invalid');
  };

  const asked = (form, button) => {
    const opinion = form.querySelector('[data-opinion]');
    const name = NEEDS_REASON[verbOf(button)] || button?.dataset.needs;
    if (!opinion || !name || opinion.value.trim()) return false;
    reasonLine(form, name === '回复' ? '请先写明您的意见。' : `请先写明${name}理由，申请人会看到。`);
    form.querySelectorAll('[popover]:popover-open').forEach((open) => open.hidePopover());
    opinion.focus();
    return true;
  };

  document.addEventListener('click', (event) => {
    const quick = event.target.closest('[data-quick]');
    if (quick) {
      const opinion = quick.closest('form').querySelector('[data-opinion]');
      opinion.value = quick.dataset.quick;
      opinion.dispatchEvent(new Event('input', { bubbles: true }));
      opinion.focus();
      return;
    }
    const keep = event.target.closest('[data-keep-opinion]');
    if (keep) { event.preventDefault(); keepOpinion(keep); return; }
    const button = event.target.closest('form[data-decide] button:is([data-verb], [data-needs])');
    if (button && asked(button.closest('form'), button)) event.preventDefault();
  });
  document.addEventListener('input', (event) => {
    const form = event.target.closest('form[data-decide]');
    if (!form || !event.target.matches('[data-opinion]')) return;
    const left = event.target.maxLength - event.target.value.length;
    reasonLine(form, left <= 0 ? `意见最多 ${event.target.maxLength} 字，已到上限。` : '');
  });
  document.addEventListener('submit', (event) => {
    const form = event.target.closest('form[data-single]');
    if (!form || event.submitter?.matches('[data-attach-drop]')) return;
    if (form.dataset.taken) { event.preventDefault(); return; }
    if (asked(form, event.submitter || form.querySelector('button[data-verb]'))) { event.preventDefault(); return; }
    form.dataset.taken = '1';
    event.submitter?.setAttribute('aria-busy', 'true');
    setTimeout(() => form.querySelectorAll('button').forEach((button) => { button.disabled = true; }));
  });
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    document.querySelectorAll('form[data-single]').forEach((form) => {
      delete form.dataset.taken;
      form.querySelectorAll('button').forEach((button) => { button.disabled = false; button.removeAttribute('aria-busy'); });
    });
  });

  // ── common opinions: the one being written joins the chips ────────────────────────────────
  const say = (text, kind = 'done') => import('./hall.js').then(({ toast }) => toast(text, { kind }));
  const csrf = () => document.querySelector('meta[name=csrf-token]').content;
  const post = async (url, body) => {
    const headers = { Accept: 'application/json', 'X-CSRFToken': csrf() };
    const answer = await fetch(url, { method: 'POST', body, headers });
    return { ok: answer.ok, body: await answer.json() };
  };
  const LOST = { ok: false, body: { text: '网络中断，没有办成，请重试。' } };

  const keepOpinion = async (button) => {
    const form = button.closest('form');
    const opinion = form.querySelector('[data-opinion]');
    const body = new FormData();
    body.set('text', opinion.value);
    const answer = await post(button.formAction, body).catch(() => LOST);
    if (!answer.ok) { reasonLine(form, answer.body.text || LOST.body.text); opinion.focus(); return; }
    const group = form.querySelector('[data-common]');
    group.replaceChildren(...answer.body.common.slice(0, Number(group.dataset.common)).map((text) => {
      const chip = document.createElement('button');
      chip.type = 'button';
      chip.dataset.quick = text;
      chip.textContent = text;
      return chip;
    }));
    say(answer.body.text);
  };

  // ── attachments: sent as soon as they are chosen, so that a large one costs no opinion ────
  const attachBoxes = () => [...document.querySelectorAll('[data-attach]')];
  const showAttached = (box, { ok, body }) => {
    if (body.files !== undefined) attachBoxes().forEach((each) => { each.querySelector('[data-attached]').innerHTML = body.files; });
    const line = box.querySelector('[data-attach-error]');
    line.textContent = ok ? '' : (body.text || body.problem?.text || LOST.body.text);
    line.hidden = ok;
    return ok;
  };
  document.addEventListener('change', async (event) => {
    const input = event.target.closest('[data-attach] input[type=file]');
    if (!input) return;
    const box = input.closest('[data-attach]');
    const files = [...input.files];
    input.value = '';
    box.setAttribute('aria-busy', 'true');
    for (const file of files) {
      const body = new FormData();
      body.set('attachment', file);
      if (!showAttached(box, await post(box.dataset.attach, body).catch(() => LOST))) break;
    }
    box.removeAttribute('aria-busy');
  });
  document.addEventListener('click', async (event) => {
    const drop = event.target.closest('[data-attach-drop]');
    if (!drop) return;
    event.preventDefault();
    const box = drop.closest('[data-attach]');
    showAttached(box, await post(drop.formAction, new FormData()).catch(() => LOST));
    box.querySelector('input').focus();
  });

  // ── picking people: a list under the box, chosen with the mouse or ↑ ↓ Enter ──────────────
  const TYPING_MS = 200;
  const picker = (box) => {
    const input = box.querySelector('[data-find]');
    const list = box.querySelector('[data-found]');
    const chips = box.querySelector('[data-chips]');
    let timer = 0;
    let asking = null;
    Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list.id })
      .forEach(([name, value]) => input.setAttribute(name, value));
    const options = () => [...list.querySelectorAll('[role=option]')];
    const show = (open) => { list.hidden = !open; input.setAttribute('aria-expanded', String(open)); if (!open) input.removeAttribute('aria-activedescendant'); };
    const here = () => options().find((option) => option.getAttribute('aria-selected') === 'true');
    const point = (option) => {
      options().forEach((each) => each.setAttribute('aria-selected', String(each === option)));
      if (option) { input.setAttribute('aria-activedescendant', option.id); option.scrollIntoView({ block: 'nearest' }); }
    };
    const take = (option) => {
      const chip = document.createElement('li');
      const label = document.createElement('label');
      const check = Object.assign(document.createElement('input'), { type: 'checkbox', name: box.dataset.name || 'to', value: option.dataset.id, checked: true, className: 'form-check-input' });
      const title = Object.assign(document.createElement('span'), { className: 'h-note', textContent: option.dataset.title });
      label.append(check, ` ${option.dataset.name} `, title);
      chip.append(label);
      if (!box.hasAttribute('data-many')) chips.replaceChildren();
      if (![...chips.querySelectorAll('input')].some((each) => each.value === check.value)) chips.append(chip);
      input.value = '';
      show(false);
      input.focus();
    };
    const search = async () => {
      asking?.abort();
      asking = new AbortController();
      const words = new URLSearchParams({ q: input.value.trim() });
      if (box.dataset.role) { words.set('role', box.dataset.role); words.set('domain', box.dataset.domain); }
      if (!words.get('q') && !box.dataset.role) { show(false); return; }
      try {
        const answer = await fetch(`${box.dataset.people}?${words}`, { headers: { Accept: 'application/json' }, signal: asking.signal });
        const { people = [] } = await answer.json();
        list.replaceChildren(...people.map((one, nth) => {
          const option = document.createElement('li');
          Object.assign(option.dataset, one);
          option.id = `${list.id}-${nth}`;
          option.setAttribute('role', 'option');
          const title = Object.assign(document.createElement('span'), { className: 'h-note', textContent: one.title });
          option.append(`${one.name} `, title);
          return option;
        }));
        if (!people.length) list.append(Object.assign(document.createElement('li'), { className: 'h-note', textContent: box.dataset.role ? '没有找到有同一岗位的人员。' : '没有找到，请核对姓名。' }));
        show(document.activeElement === input);
        point(options()[0]);
      } catch (error) { if (error.name !== 'AbortError') show(false); }
    };
    input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(search, TYPING_MS); });
    input.addEventListener('focus', () => { if (box.dataset.role && !input.value) search(); });
    input.addEventListener('blur', () => setTimeout(() => show(false), TYPING_MS));
    list.addEventListener('pointerdown', (event) => event.preventDefault());  // the box keeps the focus
    list.addEventListener('click', (event) => { const option = event.target.closest('[role=option]'); if (option) take(option); });
    input.addEventListener('keydown', (event) => {
      const all = options();
      if (list.hidden || !all.length) return;
      const at = all.indexOf(here());
      const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length }[event.key];
      if (to !== undefined) { event.preventDefault(); point(all[to % all.length]); }
      if (event.key === 'Enter' && here()) { event.preventDefault(); take(here()); }
      if (event.key === 'Escape') { event.stopPropagation(); event.preventDefault(); show(false); }
    });
  };
  document.querySelectorAll('[data-people]').forEach(picker);

  // ── printing ──────────────────────────────────────────────────────────────────────────────
  if (document.querySelector('[data-print-now]')) addEventListener('load', () => print());

  // ── the desk ──────────────────────────────────────────────────────────────────────────────
  const desk = document.querySelector('[data-desk]');
  if (!desk) return;
  const pane = desk.querySelector('[data-pane]');
  const help = document.getElementById('keys');
  const rows = () => [...desk.querySelectorAll('tr[data-task]')];
  const wide = matchMedia('(min-width: 1200px)');
  let loading = null;

  const picked = () => desk.querySelector('tr[aria-current]');
  const open = (row) => { location.href = row.querySelector('a').href; };

  const pick = async (row) => {
    if (!row) return;
    picked()?.classList.remove('is-picked');
    picked()?.removeAttribute('aria-current');
    row.classList.add('is-picked');
    row.setAttribute('aria-current', 'true');
    row.scrollIntoView({ block: 'nearest' });
    if (!wide.matches) return;
    loading?.abort();
    const mine = new AbortController();
    loading = mine;
    pane.inert = true;                                 // nobody decides on the row that was here before
    const slow = setTimeout(() => pane.setAttribute('aria-busy', 'true'), 300);
    try {
      const answer = await fetch(row.dataset.preview, { signal: mine.signal, headers: { Accept: 'text/html' } });
      if (answer.redirected) { location.reload(); return; }
      pane.innerHTML = await answer.text();            // rendered and escaped by our own server
    } catch (error) {
      if (error.name === 'AbortError') return;
      pane.innerHTML = document.getElementById('pane-failed').innerHTML;
    } finally {
      clearTimeout(slow);
      if (loading === mine) { pane.inert = false; pane.removeAttribute('aria-busy'); }
    }
  };

  desk.addEventListener('click', (event) => {
    const row = event.target.closest('tr[data-task]');
    if (event.target.closest('[data-retry]')) pick(picked());
    if (!row || event.target.closest('input, button') || event.ctrlKey || event.metaKey) return;
    if (!wide.matches) return;                         // the link opens the request
    if (event.target.closest('a') && row === picked()) return;
    event.preventDefault();
    pick(row);
  });

  const all = desk.querySelector('[data-all]');
  const boxes = () => [...desk.querySelectorAll('input[type=checkbox][name=task]')];
  const tally = () => {
    const ticked = boxes().filter((item) => item.checked);
    const n = ticked.length;
    const many = (kind) => ticked.filter((item) => kind in item.dataset).length;
    for (const [button, name, count] of [['[data-claim]', '领取', many('pool')], ['[data-batch-open]', '批量同意', many('batch')]]) {
      const found = desk.querySelector(button);
      if (found) { found.textContent = count ? `${name} ${count} 件` : name; found.disabled = count === 0; }
    }
    const words = desk.querySelector('[data-batch-say]');
    if (words) words.textContent = `同意勾选的 ${many('batch')} 件业务，每件单独办理，结果逐件列出。${n > many('batch') ? `另有 ${n - many('batch')} 件须逐件审核，不会办理。` : ''}`;
    if (all) { all.checked = n > 0 && n === boxes().length; all.indeterminate = n > 0 && n < boxes().length; }
  };
  all?.addEventListener('change', () => { boxes().forEach((item) => { item.checked = all.checked; }); tally(); });
  desk.addEventListener('change', tally);
  tally();

  const decide = (verb) => {
    const form = pane.querySelector('form[data-decide]');
    const button = form?.querySelector(`[data-verb="${verb}"]`);
    if (!button || pane.inert) return;
    if (button.href) { location.href = button.href; return; }  // several steps to choose from: on the request page
    const opinion = form.querySelector('[data-opinion]');
    if (verb === 'approve' && opinion.hasAttribute('data-required') && !opinion.value.trim()) { opinion.focus(); return; }
    if (asked(form, button)) return;
    button.focus();
    button.click();
  };
  const step = (by) => {
    const list = rows();
    const at = list.indexOf(picked());
    pick(list[Math.min(list.length - 1, Math.max(0, at + by))]);
  };
  const KEYS = {
    j: () => step(1), k: () => step(-1), o: () => picked() && open(picked()),
    a: () => decide('approve'), r: () => decide('return'), '?': () => help.showModal(),
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !/[jk]/i.test(event.key)) return;
    if (event.target.closest('input:not([type=checkbox]), textarea, select, dialog[open], [contenteditable]')) {
      if (event.key === 'Escape' && event.target.matches('[data-opinion]')) picked()?.querySelector('a').focus();
      return;
    }
    const act = KEYS[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  desk.querySelector('[data-help]')?.addEventListener('click', () => help.showModal());
  help?.addEventListener('click', (event) => { if (event.target === help || event.target.closest('button')) help.close(); });
  if (rows().length) pick(picked() || rows()[0]);
})();
