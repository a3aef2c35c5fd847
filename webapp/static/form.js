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
  const DEBOUNCE_MS = 1200;
  let leaving = false;
  let dirty = false;
  let timer = 0;
  let known = {};                      // field → {old_text, new_text} as the server words them

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
    field.classList.toggle('is-changed', changed);
    const was = $('[data-was]', field);
    if (was) was.hidden = !changed;
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
    $('[data-count]').textContent = `${changes} 项变更`;
    $('[data-bad]').textContent = bad ? `，${bad} 处需修改` : '';
    $('[data-missing]').textContent = !bad && changes && missing ? `，还缺 ${missing} 项材料` : '';
    settle();
    const here = !changes || bad ? 0 : (missing ? 1 : 2);
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
    try {
      const answer = await fetch(form.dataset.draft, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrf, Accept: 'application/json' },
        body: JSON.stringify({ values: values(), base: $('#base').value, token: $('#token').value }),
      });
      if (!answer.ok || !answer.headers.get('Content-Type')?.includes('json') || answer.redirected) {
        throw new Error(answer.status === 401 || answer.redirected ? 'expired' : 'failed');
      }
      learn(await answer.json());
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
    draw();
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

  // ── materials ─────────────────────────────────────────────────────────────────────────────
  const bytes = (size) => (size >= 1048576 ? `${(size / 1048576).toFixed(1)} MB` : `${Math.ceil(size / 1024)} KB`);
  const slotError = (slot, text) => {
    const line = $('[data-slot-error]', slot);
    line.textContent = text;
    line.hidden = !text;
    slot.classList.toggle('is-bad', Boolean(text));
  };
  const fresh = (slot, html) => {
    $('[data-files]', slot).innerHTML = html;          // our own rendered, escaped fragment
    needSlots(controls.filter(isChanged).map((control) => control.name));
    count();
  };

  const refuse = (file) => {
    const limit = Number(form.dataset.maxBytes);
    if (file.size > limit) return `“${file.name}”有 ${bytes(file.size)}，超过 ${bytes(limit)}，请压缩或分成几份后再传。`;
    if (file.size === 0) return `“${file.name}”是空文件，请重新选择。`;
    if (!/\.(pdf|jpe?g|png)$/i.test(file.name)) return `“${file.name}”不是 PDF、JPG 或 PNG，请转换后再传。`;
    return '';
  };

  const upload = (slot, file) => new Promise((done) => {
    const refusal = refuse(file);
    if (refusal) { slotError(slot, refusal); done(); return; }
    const row = document.getElementById('upload-row').content.firstElementChild.cloneNode(true);
    const bar = $('progress', row);
    $('[data-name]', row).textContent = file.name;
    bar.setAttribute('aria-label', `正在上传 ${file.name}`);
    $('[data-uploads]', slot).append(row);
    const request = new XMLHttpRequest();
    const end = (text) => { row.remove(); slotError(slot, text); done(); };
    request.open('POST', form.dataset.upload);
    request.setRequestHeader('X-CSRFToken', csrf);
    request.setRequestHeader('Accept', 'application/json');
    request.upload.addEventListener('progress', (event) => {
      if (!event.lengthComputable) return;
      bar.value = Math.round((event.loaded / event.total) * 100);
      $('[data-percent]', row).textContent = `${bar.value}%`;
    });
    request.addEventListener('load', () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* the sentence below covers it */ }
      if (answer.files !== undefined) fresh(slot, answer.files);
      const problem = answer.problem?.text;
      if (request.status === 200 && !problem) { say(`已上传 ${file.name}`); end(''); return; }
      end(problem || (request.status === 413 ? `“${file.name}”太大，没有上传，请压缩后再传。`
        : '没有传上去，登录可能已过期。请刷新页面后再传，已填内容都在草稿里。'));
    });
    request.addEventListener('error', () => end(`“${file.name}”没有传上去，网络中断，请再传一次。`));
    request.addEventListener('abort', () => { say(`已取消上传 ${file.name}`); end(''); });
    $('button', row).addEventListener('click', () => request.abort());
    const body = new FormData();
    body.set('slot', slot.dataset.slot);
    body.set('file', file);
    request.send(body);
  });

  const uploadAll = async (slot, files) => {
    const room = Number(slot.dataset.max) - $$('[data-file]', slot).length;
    slotError(slot, '');
    for (const file of [...files].slice(0, Math.max(room, 0))) await upload(slot, file);
    if (files.length > room) slotError(slot, `这一项最多 ${slot.dataset.max} 份，其余没有上传；要替换请先取消已传的。`);
  };

  for (const slot of $$('[data-slot]')) {
    const drop = $('[data-drop]', slot);
    slot.addEventListener('change', (event) => {
      if (event.target.type !== 'file') return;
      const files = [...event.target.files];
      event.target.value = '';
      uploadAll(slot, files);
    });
    const over = (on) => (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      drop.classList.toggle('is-over', on);
    };
    drop.addEventListener('dragenter', over(true));
    drop.addEventListener('dragover', over(true));
    drop.addEventListener('dragleave', over(false));
    drop.addEventListener('drop', (event) => {
      over(false)(event);
      uploadAll(slot, event.dataTransfer.files);
    });
    slot.addEventListener('click', async (event) => {
      const button = event.target.closest('button[value^="remove:"]');
      if (!button) return;
      event.preventDefault();
      button.disabled = true;
      try {
        const answer = await fetch(button.dataset.href, {
          method: 'POST', headers: { 'X-CSRFToken': csrf, Accept: 'application/json' },
        });
        const told = await answer.json();
        if (told.problem) throw new Error(told.problem.text);
        fresh(slot, told.files);
        slotError(slot, '');
        say('已取消上传');
        $('input[type=file]', slot).focus();
      } catch (error) {
        button.disabled = false;
        slotError(slot, /[一-龥]/.test(error.message) ? error.message : '没有取消成功，请刷新页面后再试。');
      }
    });
  }

  // What the server already put into words (masked numbers, option texts) stays worded so.
  for (const row of $$('[data-changes] tr')) {
    const name = $('button', row).value.slice(5);
    known[name] = { old_text: $('.h-old', row).textContent, new_text: $('.h-new', row).textContent };
  }
  controls.forEach(mark);
  draw();
  $('[data-summary]', document)?.focus();
})();
