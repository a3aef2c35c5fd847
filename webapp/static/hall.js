// What every page gets: tabs, toasts, one click = one submit, the sign-in clock, popovers for old browsers.
// Pages work without this file; it only spares reloads.  Other modules may import what is exported.

const IDLE_WARNING_MS = 2 * 60 * 1000;
const TOAST_MS = 5000;
const PHONE_MS = 3000;

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const csrf = () => $('meta[name=csrf-token]')?.content || '';

// fetch() with our token; answers {ok, status, body}.  An expired session goes to the sign-in page.
export async function send(url, { method = 'POST', data, body } = {}) {
  const headers = { Accept: 'application/json', 'X-CSRFToken': csrf() };
  const place = $('meta[name=place]')?.content;            // the branch this page works for
  if (place) headers['X-Place'] = place;
  if (data !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await fetch(url, { method, headers, body: data === undefined ? body : JSON.stringify(data), credentials: 'same-origin' });
  const json = answer.headers.get('Content-Type')?.includes('json') ? await answer.json() : {};
  if (answer.status === 401 && json.signin) location.assign(json.signin);
  return { ok: answer.ok, status: answer.status, body: json };
}

// ── the rail: a long menu opens where this page is in it ───────────────────────────────────────
const railed = $('.h-rail [aria-current]');
if (railed) {
  const box = railed.closest('.h-rail');
  if (railed.offsetTop + railed.offsetHeight > box.clientHeight) box.scrollTop = railed.offsetTop - box.clientHeight / 2;
}

// ── toasts ─────────────────────────────────────────────────────────────────────────────────────
export function toast(text, { kind = 'done', action, onAction } = {}) {
  const box = document.createElement('div');
  box.className = `toast show is-${kind}`;
  const words = document.createElement('span');
  words.textContent = text;
  box.append(words);
  if (action) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'h-link';
    button.textContent = action;
    button.addEventListener('click', () => { box.remove(); onAction(); });
    box.append(button);
  }
  $('#toasts').append(box);
  expire(box);
}

// Stays while it is pointed at or focused: five seconds are short for somebody who reads slowly.
function expire(box) {
  let timer = 0;
  const start = () => { timer = setTimeout(() => box.remove(), TOAST_MS); };
  const hold = () => clearTimeout(timer);
  for (const name of ['pointerenter', 'focusin']) box.addEventListener(name, hold);
  for (const name of ['pointerleave', 'focusout']) box.addEventListener(name, start);
  start();
}

// ── tabs: links without this file, ARIA tabs with it ───────────────────────────────────────────
function tabs(list) {
  const all = $$('[role=tab]', list);
  const show = (tab, focus) => {
    for (const other of all) {
      const on = other === tab;
      other.classList.toggle('active', on);
      other.setAttribute('aria-selected', String(on));
      other.tabIndex = on ? 0 : -1;
      document.getElementById(other.getAttribute('aria-controls')).hidden = !on;
    }
    if (focus) tab.focus();
    history.replaceState(null, '', tab.href);
  };
  all.forEach((tab, index) => {
    tab.tabIndex = tab.getAttribute('aria-selected') === 'true' ? 0 : -1;
    tab.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(tab);
    });
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
      if (to !== undefined) { event.preventDefault(); show(all[to % all.length], true); }
      if (event.key === ' ') { event.preventDefault(); show(tab); }
    });
  });
}

// ── a second click on a button that is already at work ─────────────────────────────────────────
function once(form) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = '1';
    const button = event.submitter || $('button[type=submit]', form);
    button?.setAttribute('aria-busy', 'true');
  });
}

// ── 标为已阅, 删除 in place, with the way back ──────────────────────────────────────────────────
function quiet(form) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const row = form.closest('[data-message]');
    const { ok, body } = await send(form.action).catch(() => ({ ok: false, body: {} }));
    if (!ok) { toast(body.problem?.text || '网络中断，没有办成，请重试。', { kind: 'error' }); return; }
    const next = row.nextElementSibling || row.previousElementSibling;
    const list = row.parentElement;
    if ($('.h-unread', row)) unread();
    row.remove();
    recount(list);
    if (!body.undo) addTo(document.getElementById('t-read'), 1);
    (next ? $('a', next) : $('#main')).focus();
    const back = async () => {
      const answer = await send(body.undo).catch(() => ({ ok: false }));
      if (answer.ok) location.reload();
      else toast('没有恢复成功，请到已阅或消息列表中查看。', { kind: 'error' });
    };
    toast(body.text, body.undo ? { action: '撤销', onAction: back } : {});
  });
}

function recount(list) {
  const panel = list.closest('[role=tabpanel]');
  addTo(panel ? document.getElementById(panel.getAttribute('aria-labelledby')) : $('.h-tabs [aria-current]'), -1);
  if (!list.children.length) setTimeout(() => location.reload(), TOAST_MS);  // to the words for an empty box
}

function addTo(tab, by) {
  const number = tab && $('.h-n', tab);
  if (!number || Number.isNaN(Number(number.textContent))) return;   // 99+
  number.textContent = Math.max(0, Number(number.textContent) + by);
}

// The bell and the rail count the same unread messages.
function unread() {
  for (const number of $$('[data-unread]')) {
    const left = Number(number.textContent) - 1;
    if (Number.isNaN(left)) continue;                  // 99+
    if (left > 0) number.textContent = left;
    else number.remove();
    const bell = number.closest('a[aria-label]');
    bell?.setAttribute('aria-label', left > 0 ? `消息，${left} 条未读` : '消息');
  }
}

// ── the sign-in clock: warns two minutes ahead, shared by all tabs of this browser ──────────────
function idleClock() {
  const minutes = Number(document.body.dataset.idleMinutes);
  if (!minutes) return;
  const KEY = 'hall.seen';
  const stamp = () => { try { localStorage.setItem(KEY, String(Date.now())); } catch { /* private mode */ } };
  const seen = () => { try { return Number(localStorage.getItem(KEY)) || loaded; } catch { return loaded; } };
  const loaded = Date.now();
  stamp();
  const warning = Math.min(IDLE_WARNING_MS, minutes * 30000);
  let banner = null;
  const keep = async () => {
    const { ok } = await send(document.body.dataset.keep).catch(() => ({ ok: false }));
    if (ok) { stamp(); banner?.remove(); banner = null; toast('已继续，可以接着办理'); }
  };
  const warn = () => {
    banner = document.createElement('div');
    banner.className = 'h-idle';
    banner.setAttribute('role', 'alert');
    banner.innerHTML = '<b></b><span>，已填内容会保存为草稿。</span><button class="btn btn-sm" type="button">继续办理</button>';
    $('button', banner).addEventListener('click', keep);
    document.body.append(banner);
  };
  const tick = () => {
    const left = seen() + minutes * 60000 - Date.now();
    if (left > warning) { banner?.remove(); banner = null; return; }
    if (!banner) warn();
    const words = left > 60000 ? `登录将在 ${Math.ceil(left / 60000)} 分钟后到期` : `登录将在 ${Math.max(0, Math.ceil(left / 1000))} 秒后到期`;
    const bold = $('b', banner);
    if (left <= 0) {
      bold.textContent = '登录已到期';
      $('span', banner).textContent = '，请重新登录后继续。';
      $('button', banner).textContent = '重新登录';
    } else if (bold.textContent !== words && (left > 60000 || !bold.textContent || Math.ceil(left / 1000) % 30 === 0)) {
      bold.textContent = words;                        // spoken at most every half minute
    }
  };
  tick();
  setInterval(tick, 1000);
  window.addEventListener('hall:seen', stamp);
}

// ── sign-in: another picture without losing what is typed; demo accounts ───────────────────────
function captcha(box) {
  const form = box.closest('form');
  const again = $('button', box);
  again.addEventListener('click', async (event) => {
    event.preventDefault();
    const { ok, body } = await send(box.dataset.captcha).catch(() => ({ ok: false, body: {} }));
    if (!ok) { toast(body.problem?.text || '网络中断，没有换成，请重试。', { kind: 'error' }); return; }
    $('input[name=captcha_id]', form).value = body.id;
    $('img', box).src = body.url;
    if (body.hint) $('#f-captcha-h').textContent = body.hint;
    const field = $('#f-captcha');
    field.value = '';
    field.focus();
  });
}

function demoLogins() {
  for (const button of $$('[data-fill-login]')) {
    button.addEventListener('click', () => {
      $('#f-login').value = button.dataset.fillLogin;
      $('#f-password').value = button.dataset.fillPassword;
      const picture = $('#f-captcha');
      const hint = $('#f-captcha-h')?.textContent.match(/：(\w+)/);
      if (picture && hint) picture.value = hint[1];
      $('form[data-once] .btn-primary').focus();
    });
  }
}

// ── 演示手机 ────────────────────────────────────────────────────────────────────────────────────
function phone(room) {
  const list = $('.h-sms', room);
  list.scrollTop = list.scrollHeight;
  setInterval(async () => {
    if (document.hidden) return;
    const { ok, body } = await send(location.href, { method: 'GET' }).catch(() => ({ ok: false }));
    if (ok && String(body.newest) !== room.dataset.phone) location.reload();
  }, PHONE_MS);
}

// ── popovers where the browser has none (before Chrome 114, Firefox 125) ───────────────────────
function popovers() {
  if ('popover' in HTMLElement.prototype) return;
  document.addEventListener('click', (event) => {
    const opener = event.target.closest('[popovertarget]');
    const box = opener && document.getElementById(opener.getAttribute('popovertarget'));
    for (const open of $$('[popover].is-open')) if (open !== box && !open.contains(event.target)) open.classList.remove('is-open');
    box?.classList.toggle('is-open');
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') $$('[popover].is-open').forEach((box) => box.classList.remove('is-open'));
  });
}

$$('[data-tabs]').forEach(tabs);
$$('[data-print]').forEach((button) => button.addEventListener('click', () => print()));
$$('form[data-once]').forEach(once);
$$('form[data-quiet]').forEach(quiet);
$$('#toasts .toast').forEach(expire);
$$('[data-captcha]').forEach(captcha);
$$('[data-phone]').forEach(phone);
$$('form[data-pick]').forEach((form) => form.addEventListener('change', () => form.requestSubmit()));
$$('dialog[data-ask]').forEach((dialog) => dialog.showModal());
demoLogins();
idleClock();
popovers();
// A page restored by the back button must be usable again.
window.addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  $$('form[data-sent]').forEach((form) => { delete form.dataset.sent; $('[aria-busy]', form)?.removeAttribute('aria-busy'); });
});
