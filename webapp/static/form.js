// The filing page: live 待变更清册, 大写 echo, autosaved draft, uploads with progress.
// The server renders everything first, so the page works without this file; what is a fault and what a
// change reads like is decided there too — the draft's answer carries both, and this file only shows them.
(() => {
  'use strict';
  const form = document.getElementById('filing');
  if (!form) return;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const buttons = () => [...form.elements].filter((item) => item.tagName === 'BUTTON');
  const controls = $$('[data-old]', form);
  const csrf = $('meta[name=csrf-token]')?.content || '';
  const say = (text) => { $('[data-live]').textContent = text; };
  // An application (汇缴核定) changes no record: instead of a list of changes it shows what it leads to, live.
  const plain = form.hasAttribute('data-plain');
  const DEBOUNCE_MS = plain ? 150 : 1200;
  let leaving = false;
  let dirty = false;
  let timer = 0;
  let known = {};                      // field → {old_text, new_text} as the server words them
  let conditions = [];                 // what the filled-in values are besides changes (a lower rate)
  let round = 0;

  // ── money in words ────────────────────────────────────────────────────────────────────────
  const DIGITS = '零壹贰叁肆伍陆柒捌玖';
  const capital = (text) => {
    const plain = text.replace(/[,，\s]/g, '');
    if (!/^\d{1,12}(\.\d{1,2})?$/.test(plain)) return '';
    const [whole, part = ''] = plain.split('.');
    const units = ['', '拾', '佰', '仟'];
    const sections = ['', '万', '亿'];
    let words = '';
    let gap = false;
    const digits = whole.replace(/^0+/, '');
    for (let i = 0; i < digits.length; i += 1) {
      const place = digits.length - 1 - i;
      const digit = Number(digits[i]);
      if (digit) {
        words += (gap ? '零' : '') + DIGITS[digit] + units[place % 4];
        gap = false;
      } else {
        gap = words !== '';
      }
      if (place % 4 === 0 && Number(digits.slice(Math.max(0, i - 3), i + 1))) words += sections[place / 4];
    }
    const [jiao, fen] = [Number(part[0] || 0), Number(part[1] || 0)];
    const yuan = words ? `${words}元` : '';
    if (!jiao && !fen) return `人民币${yuan || '零元'}整`;
    const space = yuan && (!jiao || /0$/.test(digits)) ? '零' : '';
    return `人民币${yuan}${space}${jiao ? `${DIGITS[jiao]}角` : ''}${fen ? `${DIGITS[fen]}分` : '整'}`;
  };

  // ── 待变更清册 ───────────────────────────────────────────────────────────────────────────
  const textOf = (control) => {
    if (control.tagName === 'SELECT') return control.selectedOptions[0]?.textContent.trim() || '';
    return control.value.trim();
  };
  const isChanged = (control) => control.value.trim() !== control.dataset.old.trim();
  const box = (control) => control.closest('.h-field');
  const isBad = (control) => box(control).classList.contains('is-bad');

  const mark = (control) => {
    const field = box(control);
    const changed = isChanged(control);
    field.classList.toggle('is-changed', changed && !plain);
    const was = $('[data-was]', field);
    if (was) was.hidden = !changed || plain;
    const echo = $('[data-capital]', field);
    if (echo) echo.textContent = capital(control.value);
  };

  const fault = (control, text) => {
    const field = box(control);
    const line = $('.h-err', field);
    field.classList.toggle('is-bad', Boolean(text));
    control.classList.toggle('is-invalid', Boolean(text));
    line.textContent = text || '';
    line.hidden = !text;
    if (text) control.setAttribute('aria-invalid', 'true'); else control.removeAttribute('aria-invalid');
  };

  const rowOf = (control, index) => {
    const row = document.getElementById('change-row').content.firstElementChild.cloneNode(true);
    const { label, oldText } = control.dataset;
    const words = known[control.name];
    const cross = $('button', row);
    cross.value = `drop:${control.name}`;
    cross.setAttribute('aria-label', `取消修改：${label}`);
    $('[data-no]', row).textContent = index + 1;
    $('[data-label]', row).textContent = label;
    $('.h-old', row).textContent = words?.old_text || oldText || '（空）';
    $('.h-new', row).textContent = words?.new_text || textOf(control) || '（清空）';
    row.classList.toggle('is-bad', isBad(control));
    $('.h-verdict', row).hidden = !isBad(control);
    return row;
  };

  const draw = () => {
    const changed = controls.filter(isChanged);
    if (plain) { needSlots([...changed.map((control) => control.name), ...conditions]); count(changed.length); return; }
    const body = $('[data-changes]');
    const focused = body.contains(document.activeElement) ? document.activeElement.value : null;
    // Only rows that read differently are replaced: a click on a cross must not be lost to a redraw.
    const rows = changed.map(rowOf);
    rows.forEach((row, index) => {
      const old = body.children[index];
      if (!old) body.append(row); else if (!old.isEqualNode(row)) old.replaceWith(row);
    });
    while (body.children.length > rows.length) body.lastElementChild.remove();
    if (focused) ($(`button[value="${CSS.escape(focused)}"]`, body) || $('[data-diff]')).focus();
    $('[data-diff-empty]').hidden = changed.length > 0;
    $('[data-diff-table]').hidden = changed.length === 0;
    needSlots(changed.map((control) => control.name));
    count(changed.length);
  };

  const count = (changes = controls.filter(isChanged).length) => {
    const bad = controls.filter(isBad).length;
    const missing = $$('[data-slot]').filter((slot) => slot.dataset.needed && !$('[data-file]', slot)).length;
    $('[data-count]').textContent = plain ? '' : `${changes} 项变更`;
    $('[data-bad]').textContent = bad ? `${plain ? '' : '，'}${bad} 处需修改` : '';
    $('[data-missing]').textContent = !bad && (plain || changes) && missing ? `${plain ? '' : '，'}还缺 ${missing} 项材料` : '';
    settle();
    const blank = controls.some((control) => control.required && !control.value.trim());
    const stuck = bad || (plain ? blank || !$('[data-objections]').hidden : !changes);
    const here = stuck ? 0 : (missing ? 1 : 2);
    $$('.h-steps li', document).forEach((step, index) => {
      step.classList.toggle('is-done', index < here);
      step.classList.toggle('is-now', index === here);
      if (index === here) step.setAttribute('aria-current', 'step'); else step.removeAttribute('aria-current');
    });
  };

  // The summary of a refused submission names what is still wrong, and goes when nothing is.
  const settle = () => {
    const summary = $('[data-summary]', document);
    if (!summary) return;
    for (const item of $$('li', summary)) {
      const target = document.getElementById($('a', item)?.hash.slice(1));
      if (!target) continue;
      const slot = target.closest('[data-slot]');
      const lacking = slot && slot.dataset.needed && !$('[data-file]', slot);
      if (!lacking && !(slot || target.closest('.h-field')).classList.contains('is-bad')) item.remove();
    }
    const left = $$('li', summary).length;
    $('b', summary).textContent = `有 ${left} 处需要修改后才能提交`;
    summary.hidden = left === 0;
  };

  const needSlots = (names) => {
    for (const slot of $$('[data-slot]')) {
      const when = slot.dataset.when.split(' ').filter(Boolean);
      const needed = slot.dataset.required && (!when.length || when.some((name) => names.includes(name)));
      slot.dataset.needed = needed ? '1' : '';
      const label = $('[data-need]', slot);
      label.textContent = needed ? '本次必传' : (slot.dataset.required ? '本次不需要' : '可不传');
      label.classList.toggle('is-wait', Boolean(needed) && !$('[data-file]', slot));
      label.classList.toggle('is-done', Boolean($('[data-file]', slot)));
    }
  };

  // ── draft ─────────────────────────────────────────────────────────────────────────────────
  const values = () => Object.fromEntries(controls.map((control) => [control.name, control.value]));
  const saved = (text, bad = false) => {
    const line = $('[data-saved]');
    line.textContent = text;
    line.classList.toggle('w-bad', bad);
  };

  const save = async () => {
    clearTimeout(timer);
    if (!dirty || leaving) return;
    dirty = false;
    const mine = ++round;
    try {
      const answer = await fetch(form.dataset.draft, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrf, Accept: 'application/json' },
        body: JSON.stringify({ values: values(), base: $('#base').value, token: $('#token').value }),
      });
      if (!answer.ok || !answer.headers.get('Content-Type')?.includes('json') || answer.redirected) {
        throw new Error(answer.status === 401 || answer.redirected ? 'expired' : 'failed');
      }
      const told = await answer.json();
      if (mine === round) learn(told);                   // an older answer says what was true before
    } catch (error) {
      dirty = true;
      saved(error.message === 'expired' ? '登录已过期，提交时会请您重新登录，已填内容不会丢'
        : '草稿没有存上，网络恢复后会自动再存', true);
    }
  };

  const learn = (answer) => {
    saved(`草稿已于 ${answer.saved_at} 自动保存`);
    known = Object.fromEntries(answer.changes.map((change) => [change.field, change]));
    for (const control of controls) {
      const text = answer.problems[control.name];
      const busy = control === document.activeElement;
      if (text && isChanged(control) && !busy) fault(control, text);
      if (!text && isBad(control)) fault(control, '');
    }
    if (plain) consequences(answer);
    draw();
  };

  // Panels are our own rendered, escaped fragment; replaced only when they read differently.
  const consequences = ({ panels, said, when, seen }) => {
    conditions = when;
    $('#consequences').value = seen;
    const place = $('[data-panels]');
    if (place.dataset.shown !== panels) { place.innerHTML = panels; place.dataset.shown = panels; }
    const against = $('[data-objections]');
    against.hidden = !said.length;
    $('div', against).textContent = said.join('；');
  };

  const later = () => {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(save, DEBOUNCE_MS);
  };

  form.addEventListener('input', (event) => {
    const control = event.target;
    if (!controls.includes(control)) return;
    delete known[control.name];
    if (plain) $('#consequences').value = '';              // what the tables say is older now
    mark(control);
    draw();
    later();
  });
  form.addEventListener('change', (event) => { if (controls.includes(event.target)) { dirty = true; save(); } });
  form.addEventListener('keydown', (event) => {           // Enter in a field must not file the request
    if (event.key !== 'Enter' || event.target.tagName !== 'INPUT' || event.target.type === 'file') return;
    event.preventDefault();
    dirty = true;
    save();
  });
  addEventListener('pagehide', () => {
    if (!dirty || leaving) return;
    const body = new FormData();
    body.set('csrf_token', csrf);
    body.set('token', $('#token').value);
    body.set('base', $('#base').value);
    for (const [name, value] of Object.entries(values())) body.set(name, value);
    navigator.sendBeacon(form.dataset.draft, body);
  });
  addEventListener('online', save);

  // ── crosses, submit ───────────────────────────────────────────────────────────────────────
  form.addEventListener('click', (event) => {
    const cross = event.target.closest('button[value^="drop:"]');
    if (!cross) return;
    event.preventDefault();
    const control = controls.find((item) => item.name === cross.value.slice(5));
    control.value = control.dataset.old;
    fault(control, '');
    mark(control);
    draw();
    say(`已取消修改：${control.dataset.label}`);
    later();
  });
  form.addEventListener('submit', (event) => {
    if (leaving) { event.preventDefault(); return; }
    leaving = true;
    const button = event.submitter;
    if (button?.value === 'submit') {
      button.setAttribute('aria-busy', 'true');
      button.textContent = '正在提交';
    }
    setTimeout(() => buttons().forEach((item) => { item.disabled = true; }));  // after the data is taken
  });
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    leaving = false;
    buttons().forEach((item) => { item.disabled = false; });
    const button = buttons().find((item) => item.value === 'submit');
    button.removeAttribute('aria-busy');
    button.textContent = button.dataset.label;
  });

  // ── materials: uploads.js says when what is there has changed ─────────────────────────────
  form.addEventListener('hall:files', () => {
    needSlots([...controls.filter(isChanged).map((control) => control.name), ...conditions]);
    count();
  });

  // What the server already put into words (masked numbers, option texts) stays worded so.
  for (const row of $$('[data-changes] tr')) {
    const name = $('button', row).value.slice(5);
    known[name] = { old_text: $('.h-old', row).textContent, new_text: $('.h-new', row).textContent };
  }
  controls.forEach(mark);
  draw();
  $('[data-summary]', document)?.focus();
})();
