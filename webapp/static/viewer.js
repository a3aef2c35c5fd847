// Materials open in a dialog: images can be zoomed, turned and dragged, PDF opens in the browser's own
// viewer; ← → go through the list. Every thumbnail is a plain link, so nothing is lost without this file.
(() => {
  'use strict';
  const dialog = document.getElementById('viewer');
  if (!dialog || !dialog.showModal) return;
  const $ = (selector) => dialog.querySelector(selector);
  const stage = $('[data-stage]');
  const ZOOMS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4];
  let links = [];
  let at = 0;
  let zoom = ZOOMS.indexOf(1);
  let turn = 0;
  let image = null;

  const place = () => {
    if (!image) return;
    const sideways = turn % 180 !== 0;
    const [w, h] = sideways ? [image.naturalHeight, image.naturalWidth] : [image.naturalWidth, image.naturalHeight];
    const fit = Math.min((stage.clientWidth - 32) / w, (stage.clientHeight - 32) / h, 1) || 1;
    const scale = fit * ZOOMS[zoom];
    image.style.width = `${image.naturalWidth * scale}px`;
    image.style.height = `${image.naturalHeight * scale}px`;
    image.style.rotate = `${turn}deg`;
    const [bw, bh] = [w * scale, h * scale];
    image.style.margin = `${(bh - image.naturalHeight * scale) / 2}px ${(bw - image.naturalWidth * scale) / 2}px`;
    $('[data-zoom]').textContent = `${Math.round(ZOOMS[zoom] * 100)}%`;
  };

  const show = (index) => {
    at = (index + links.length) % links.length;
    const link = links[at];
    const { kind, name } = link.dataset;
    zoom = ZOOMS.indexOf(1);
    turn = 0;
    image = null;
    $('[data-name]').textContent = name;
    $('[data-nth]').textContent = `第 ${at + 1} 份，共 ${links.length} 份`;
    $('[data-open]').href = link.href;
    dialog.querySelectorAll('[data-image-only]').forEach((tool) => { tool.hidden = kind !== 'image'; });
    dialog.querySelectorAll('[data-step]').forEach((tool) => { tool.hidden = links.length < 2; });
    if (kind === 'image') {
      image = new Image();
      image.alt = name;
      image.addEventListener('load', place);
      image.addEventListener('error', () => { stage.textContent = '没有取到这份材料，请关闭后重新打开。'; });
      image.src = link.href;
      stage.replaceChildren(image);
    } else {
      const frame = document.createElement('iframe');
      frame.title = name;
      frame.src = link.href;
      stage.replaceChildren(frame);
    }
  };

  const tools = {
    in: () => { zoom = Math.min(zoom + 1, ZOOMS.length - 1); place(); },
    out: () => { zoom = Math.max(zoom - 1, 0); place(); },
    fit: () => { zoom = ZOOMS.indexOf(1); place(); },
    left: () => { turn -= 90; place(); },
    right: () => { turn += 90; place(); },
    next: () => show(at + 1),
    prev: () => show(at - 1),
    close: () => dialog.close(),
  };
  const KEYS = { '+': 'in', '=': 'in', '-': 'out', 0: 'fit', '[': 'left', ']': 'right', ArrowRight: 'next', ArrowLeft: 'prev' };

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-viewer]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    links = [...document.querySelectorAll('a[data-viewer]')];
    dialog.showModal();
    show(links.indexOf(link));
  });
  dialog.addEventListener('click', (event) => {
    const tool = event.target.closest('[data-tool]');
    if (tool) tools[tool.dataset.tool]();
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('keydown', (event) => {
    const name = KEYS[event.key];
    if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    tools[name]();
  });
  dialog.addEventListener('close', () => { stage.replaceChildren(); links[at]?.focus(); });
  addEventListener('resize', place);

  let drag = null;                                     // a zoomed picture is moved by hand
  stage.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'mouse' || event.button) return;
    drag = { x: event.clientX + stage.scrollLeft, y: event.clientY + stage.scrollTop };
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  stage.addEventListener('pointermove', (event) => {
    if (drag) stage.scrollTo(drag.x - event.clientX, drag.y - event.clientY);
  });
  stage.addEventListener('pointerup', () => { drag = null; });
  stage.addEventListener('wheel', (event) => {
    if (!event.ctrlKey || !image) return;
    event.preventDefault();
    tools[event.deltaY < 0 ? 'in' : 'out']();
  }, { passive: false });
})();
