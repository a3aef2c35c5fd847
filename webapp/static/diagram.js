// The live flow chart: bpmn-js draws the deployed diagram, the server says where the request stands.
// The page scrolls as usual (no wheel or touch capture); every step can be reached with Tab and tells who
// did it, when and why. 办理记录 holds the same facts as text.
(async () => {
  'use strict';
  const box = document.querySelector('.h-diagram[data-source]');
  if (!box || !window.BpmnJS) return;
  const facts = JSON.parse(document.getElementById(box.dataset.source).textContent);
  const fail = () => { box.hidden = true; document.querySelector('[data-diagram-failed]').hidden = false; };
  const font = getComputedStyle(document.body).fontFamily;
  const viewer = new window.BpmnJS({
    container: box,
    zoomScroll: { enabled: false },
    textRenderer: { defaultStyle: { fontFamily: font, fontSize: 14 }, externalStyle: { fontSize: 13 } },
    bpmnRenderer: { defaultStrokeColor: '#43555e', defaultLabelColor: '#16262e' },
  });
  // Labels drawn narrow in the modeller would break after every character in our font.
  const LABEL_PX = 72;
  viewer.on('import.parse.complete', ({ definitions }) => {
    for (const item of definitions?.diagrams?.[0]?.plane?.planeElement || []) {
      const room = item.label?.bounds;
      if (room && room.width < LABEL_PX) Object.assign(room, { x: room.x - (LABEL_PX - room.width) / 2, width: LABEL_PX });
    }
  });
  try {
    await viewer.importXML(facts.xml);
  } catch {
    fail();
    return;
  }
  const canvas = viewer.get('canvas');
  const overlays = viewer.get('overlays');
  const registry = viewer.get('elementRegistry');
  const known = (id) => registry.get(id);

  for (const [id, kind] of Object.entries(facts.marks)) if (known(id)) canvas.addMarker(id, `is-${kind}`);
  registry.filter((item) => /Lane|Participant/.test(item.type)).forEach((item) => canvas.addMarker(item, 'is-lane'));
  for (const pin of facts.pins) {
    const shape = known(pin.id);
    if (!shape) continue;
    const label = document.createElement('div');
    label.className = 'h-pin';
    label.textContent = pin.text;
    const edgeTaken = shape.attachers?.length > 0;         // a timer sits on the lower edge
    const where = edgeTaken ? { top: -24 } : { bottom: -4 };
    overlays.add(pin.id, { position: { ...where, left: shape.width / 2 }, scale: false, html: label });
  }

  // ── where to look ─────────────────────────────────────────────────────────────────────────
  const NARROW_ZOOM = 0.72;
  const LEGIBLE_ZOOM = 0.6;
  const LANE_PX = 88;                                   // names of the pool and of a lane, beside their first step
  const MARK_PX = 44;                                   // room for the bpmn.io mark below the pool
  const shapes = registry.filter((item) => item.width && item.parent);
  const span = (some) => {
    const edge = (side, pick) => Math[side](...some.map(pick));
    const [x, y] = [edge('min', (s) => s.x), edge('min', (s) => s.y)];
    return { x, y, width: edge('max', (s) => s.x + s.width) - x, height: edge('max', (s) => s.y + s.height) - y };
  };
  const all = span(shapes);
  const current = () => Object.entries(facts.marks).filter(([id, kind]) => kind === 'current' && known(id)?.width);
  const look = (zoom, x, y) => canvas.viewbox({
    x: x - box.clientWidth / zoom / 2, y, width: box.clientWidth / zoom, height: box.clientHeight / zoom,
  });
  const fit = () => {
    const [w, h] = [box.clientWidth, box.clientHeight];
    if (!w || !h) return;
    const zoom = Math.min(1, (w - 32) / all.width, (h - 16 - MARK_PX) / all.height);
    const here = current()[0];
    const gone = shapes.filter((shape) => facts.marks[shape.id] === 'done');
    if (zoom < LEGIBLE_ZOOM && !here && gone.length) {
      // Over: the way it went, from its beginning, as large as fits and can still be read.
      const way = span(gone);
      const near = Math.min(NARROW_ZOOM, Math.max(LEGIBLE_ZOOM, (w - LANE_PX) / way.width));
      const left = Math.max(all.x - 12, way.x - LANE_PX);
      canvas.viewbox({ x: left, y: Math.max(all.y - 12, way.y - 32), width: w / near, height: h / near });
    } else if (zoom < LEGIBLE_ZOOM && here) {
      const shape = known(here[0]);
      const tall = h / NARROW_ZOOM;
      const top = all.height + 60 > tall ? Math.max(shape.y + shape.height / 2 - tall / 2, all.y - 12) : all.y - 12;
      look(NARROW_ZOOM, shape.x + shape.width / 2, top);
    } else {
      look(zoom, all.x + all.width / 2, all.y - 10 / zoom);
    }
  };
  fit();
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    canvas.resized();
    fit();
  }).observe(box);

  document.querySelector('[data-diagram-tools]')?.addEventListener('click', (event) => {
    const tool = event.target.closest('button')?.dataset.zoom;
    if (tool === 'fit') fit();
    else if (tool) canvas.zoom(Math.min(2, Math.max(0.4, canvas.zoom() * (tool === 'in' ? 1.25 : 0.8))));
  });

  // Sideways with a finger; up and down stays the page's (touch-action: pan-y in work.css).
  let touch = null;
  box.addEventListener('pointerdown', (event) => { if (event.pointerType === 'touch') touch = event.clientX; });
  box.addEventListener('pointermove', (event) => {
    if (touch === null || event.pointerType !== 'touch') return;
    canvas.scroll({ dx: event.clientX - touch, dy: 0 });
    touch = event.clientX;
  });
  for (const name of ['pointerup', 'pointercancel']) box.addEventListener(name, () => { touch = null; });

  // ── who, when, why on hover and focus ─────────────────────────────────────────────────────
  const tip = document.querySelector('[data-diagram-tip]');
  const hide = () => { tip.hidden = true; };
  const show = (id) => {
    const lines = facts.tips[id];
    if (!lines) return;
    tip.replaceChildren(...lines.map((line, index) => {
      const row = document.createElement(index ? 'span' : 'b');
      row.textContent = line;
      return row;
    }));
    tip.hidden = false;
    const shape = canvas.getGraphics(id).getBoundingClientRect();
    const frame = tip.offsetParent.getBoundingClientRect();
    const left = shape.left + shape.width / 2 - frame.left - tip.offsetWidth / 2;
    const above = shape.top - frame.top - tip.offsetHeight - 8;
    tip.style.left = `${Math.max(8, Math.min(left, frame.width - tip.offsetWidth - 8))}px`;
    tip.style.top = `${above > 4 ? above : shape.bottom - frame.top + 8}px`;
  };
  for (const [id, lines] of Object.entries(facts.tips)) {
    if (!known(id)) continue;
    const graphics = canvas.getGraphics(id);
    graphics.setAttribute('tabindex', '0');
    graphics.setAttribute('role', 'img');
    graphics.setAttribute('aria-label', lines.join('，'));
    // A step outside the picture (390 px) is brought in, so that the focus can be seen.
    graphics.addEventListener('focus', () => { canvas.scrollToElement(id, 24); show(id); });
    graphics.addEventListener('blur', hide);
  }
  box.querySelector('svg').setAttribute('aria-label', box.getAttribute('aria-label'));
  const events = viewer.get('eventBus');
  events.on('element.hover', ({ element }) => show(element.id));
  events.on('element.out', hide);
  events.on('element.click', ({ element }) => show(element.id));
  box.addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });
  document.documentElement.dataset.diagram = 'ready';
})();
