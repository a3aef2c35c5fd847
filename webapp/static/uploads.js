// Materials: chosen, photographed or dropped files are sent one by one with progress, and taken back.
// Pages with a form[data-upload] and slots use it; without this file the slots are plain file inputs.
(() => {
  'use strict';
  const form = document.querySelector('form[data-upload]');
  if (!form) return;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const csrf = $('meta[name=csrf-token]')?.content || '';
  const say = (text) => { $('[data-live]').textContent = text; };

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
    const label = $('[data-need]', slot);
    const there = Boolean($('[data-file]', slot));
    label.classList.toggle('is-wait', Boolean(slot.dataset.needed) && !there);
    label.classList.toggle('is-done', there);
    form.dispatchEvent(new Event('hall:files'));
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
})();
