// Deciding, on the request page and on the desk: common opinions, reasons asked before 退回 and 驳回, the
// desk's preview pane and keys. The server checks all of it again and works without this file.
(() => {
  'use strict';
  // ── one decision form (request page bar or desk pane) ─────────────────────────────────────
  const NEEDS_REASON = { return: '退回', refuse: '驳回' };
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
    const name = NEEDS_REASON[verbOf(button)];
    if (!opinion || !name || opinion.value.trim()) return false;
    reasonLine(form, `请先写明${name}理由，申请人会看到。`);
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
    const button = event.target.closest('form[data-decide] button[data-verb]');
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
    if (!form) return;
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

  // ── printing ──────────────────────────────────────────────────────────────────────────────
  document.querySelector('[data-print]')?.addEventListener('click', () => print());
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
  const boxes = () => [...desk.querySelectorAll('input[name=task]')];
  const tally = () => {
    const n = boxes().filter((item) => item.checked).length;
    const claim = desk.querySelector('[data-claim]');
    if (claim) { claim.textContent = n ? `领取 ${n} 件` : '领取'; claim.disabled = n === 0; }
    if (all) { all.checked = n > 0 && n === boxes().length; all.indeterminate = n > 0 && n < boxes().length; }
  };
  all?.addEventListener('change', () => { boxes().forEach((item) => { item.checked = all.checked; }); tally(); });
  desk.addEventListener('change', tally);
  tally();

  const decide = (verb) => {
    const form = pane.querySelector('form[data-decide]');
    const button = form?.querySelector(`button[data-verb="${verb}"]`);
    if (!button || pane.inert) return;
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
