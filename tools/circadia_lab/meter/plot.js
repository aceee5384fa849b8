"use strict";
// Watts over time in an <svg> that can be zoomed (wheel, + and −), panned (drag, arrows) and read (pointer).
(() => {
  const data = JSON.parse(document.getElementById("trace").textContent);
  const svg = document.getElementById("power");
  const tip = document.getElementById("tip");
  const NS = "http://www.w3.org/2000/svg";
  const W = 1100, H = 430, L = 58, R = 12, T = 12, B = 40;
  const BAND = data.marks.length || data.notes.length ? 34 : 0;
  const bottom = H - B - (BAND && BAND + 10), bandTop = H - B - BAND;
  const { start, mean, least, most } = data;
  const width = data.width_s, n = start.length;
  const first = n ? Math.min(start[0], ...data.marks.map((m) => m.t_s)) : 0;
  const last = n ? start[n - 1] + width : 1;
  const narrowest = Math.max(width * 5, 1e-3);
  let from = first, to = last;

  const make = (name, attributes, text) => {
    const element = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const x = (t) => L + ((t - from) / (to - from)) * (W - L - R);
  const time = (px) => from + ((px - L) / (W - L - R)) * (to - from);

  function lowest(t) { // the first bin that ends after t
    let a = 0, b = n;
    while (a < b) { const c = (a + b) >> 1; if (start[c] + width <= t) a = c + 1; else b = c; }
    return a;
  }

  const SIXTIES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];
  function ticks(low, high, wanted, times) {
    const raw = (high - low) / wanted, scale = 10 ** Math.floor(Math.log10(raw));
    const round = times && raw > 1 ? SIXTIES.find((s) => s >= raw) : undefined;
    const step = round ?? [1, 2, 5, 10].map((k) => k * scale).find((s) => s >= raw);
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(v);
    return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }

  function clock(t, digits) {
    const sign = t < 0 ? "−" : "";
    const tens = 10 ** digits, all = Math.round(Math.abs(t) * tens);
    const s = (all % (60 * tens)) / tens, m = Math.floor(all / tens / 60) % 60, h = Math.floor(all / tens / 3600);
    const seconds = s.toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    return sign + (h ? `${h}:${String(m).padStart(2, "0")}` : `${m}`) + ":" + seconds;
  }

  // Bins of the visible part, several of them together where a pixel holds more than one.
  function columns() {
    const a = lowest(from), pixels = W - L - R, found = [];
    let one = null;
    for (let i = a; i < n && start[i] < to; i++) {
      const key = Math.floor(((start[i] - from) / (to - from)) * pixels);
      const after = i > 0 && start[i] - start[i - 1] > data.hole_s;
      if (one && key === one.key && !after) {
        one.sum += mean[i]; one.count += 1;
        one.least = Math.min(one.least, least[i]); one.most = Math.max(one.most, most[i]); one.end = start[i] + width;
      } else {
        one = { key, t: start[i], end: start[i] + width, sum: mean[i], count: 1, least: least[i], most: most[i], after };
        found.push(one);
      }
    }
    return found;
  }

  function runs(all) {
    const found = [];
    for (const one of all) {
      if (one.after || !found.length) found.push([]);
      found[found.length - 1].push(one);
    }
    return found;
  }

  // Where a column is drawn: a step from edge to edge if it is wide enough to be seen as one, else its middle.
  function places(c) {
    const edges = [c.t, c.end].map((t) => x(Math.min(Math.max(t, from), to)));
    const shown = edges[1] - edges[0] > 3 ? edges : [(edges[0] + edges[1]) / 2];
    return shown.map((px) => px.toFixed(1));
  }

  function draw() {
    const all = columns();
    const high = Math.max(1e-4, ...all.map((c) => c.most)) * 1.06;
    const low = Math.min(0, ...all.map((c) => c.least));
    const y = (w) => T + ((high - w) / (high - low)) * (bottom - T);
    const parts = [];
    for (const m of data.marks) {
      if (m.end_s <= from || m.t_s >= to) continue;
      const a = Math.max(x(m.t_s), L), b = Math.min(x(m.end_s), W - R), busy = Math.min(Math.max(x(m.t_s + m.busy_s), a + 1), b);
      parts.push(make("rect", { x: a, y: T, width: Math.max(busy - a, 0), height: bottom - T, class: `wash ${m.mode}` }));
      parts.push(make("rect", { x: a, y: bandTop, width: Math.max(b - a - 0.5, 0.6), height: BAND, class: `band ${m.mode}` }));
      parts.push(make("rect", { x: a, y: bandTop, width: Math.max(busy - a - 0.5, 0.6), height: 5, class: `busy ${m.mode}` }));
      const room = b - a;
      const texts = [`${m.letter} ${m.joules}`, m.letter];
      const fit = texts.find((text) => text.length * 6.4 + 6 < room);
      if (fit) parts.push(make("text", { x: (a + b) / 2, y: bandTop + 23, class: "label" }, fit));
    }
    const levels = ticks(low, high, 5);
    for (const v of levels.found) {
      parts.push(make("line", { x1: L, x2: W - R, y1: y(v), y2: y(v), class: "grid" }));
      parts.push(make("text", { x: L - 7, y: y(v) + 4, class: "tick end" }, v.toFixed(levels.digits)));
    }
    const axis = ticks(from, to, 8, true);
    for (const v of axis.found) {
      parts.push(make("line", { x1: x(v), x2: x(v), y1: T, y2: bottom, class: "grid" }));
      parts.push(make("text", { x: x(v), y: H - B + 18, class: "tick middle" }, clock(v, axis.digits)));
    }
    for (const run of runs(all)) {
      const trail = (value) => run.flatMap((c) => places(c).map((px) => `${px},${y(value(c)).toFixed(1)}`));
      const outline = [...trail((c) => c.most), ...trail((c) => c.least).reverse()];
      parts.push(make("polygon", { points: outline.join(" "), class: "range" }));
      parts.push(make("polyline", { points: trail((c) => c.sum / c.count).join(" "), class: "mean" }));
    }
    for (const hole of data.holes) {
      if (hole[1] <= from || hole[0] >= to) continue;
      const a = Math.max(x(hole[0]), L), b = Math.min(x(hole[1]), W - R);
      parts.push(make("rect", { x: a, y: T, width: Math.max(b - a, 1), height: bottom - T, class: "hole" }));
      if (b - a > 90) parts.push(make("text", { x: (a + b) / 2, y: T + 18, class: "tick middle" }, "no samples"));
    }
    for (const note of data.notes) {
      if (note.t_s < from || note.t_s > to) continue;
      parts.push(make("line", { x1: x(note.t_s), x2: x(note.t_s), y1: T, y2: H - B, class: "note" }));
      parts.push(make("text", { x: x(note.t_s) + 4, y: bandTop + 23, class: "label start" }, note.what));
    }
    parts.push(make("line", { x1: L, x2: W - R, y1: y(0), y2: y(0), class: "axis" }));
    parts.push(make("text", { x: L - 7, y: bandTop + 22, class: "tick end" }, data.marks.length ? "decision" : ""));
    parts.push(make("text", { x: 14, y: (T + bottom) / 2, class: "tick middle", transform: `rotate(-90 14 ${(T + bottom) / 2})` }, `watts, ${data.source}`));
    parts.push(make("text", { x: W - R, y: H - 6, class: "tick end" }, data.axis));
    parts.push(make("line", { id: "cross", x1: 0, x2: 0, y1: T, y2: H - B, class: "cross", visibility: "hidden" }));
    svg.replaceChildren(...parts);
  }

  function show(a, b) {
    const span = Math.min(Math.max(b - a, narrowest), last - first);
    const middle = (a + b) / 2;
    from = Math.min(Math.max(middle - span / 2, first), last - span);
    to = from + span;
    draw();
  }
  const zoom = (factor, t) => show(t - (t - from) * factor, t + (to - t) * factor);
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * W;
  };

  function read(event) {
    const px = place(event), t = time(px), cross = document.getElementById("cross");
    if (px < L || px > W - R || !cross) { tip.hidden = true; return; }
    cross.setAttribute("x1", px); cross.setAttribute("x2", px); cross.setAttribute("visibility", "visible");
    const i = lowest(t), inside = i < n && start[i] <= t;
    const lines = [clock(t, 2)];
    lines.push(inside ? `${mean[i].toFixed(4)} W (${least[i].toFixed(4)} to ${most[i].toFixed(4)}), ${data.source}` : "no samples");
    const mark = data.marks.find((m) => m.t_s <= t && t < m.end_s);
    if (mark) lines.push(mark.what, `${mark.joules}${mark.detail}`);
    const note = data.notes.find((one) => Math.abs(x(one.t_s) - px) < 5);
    if (note) lines.push(note.what);
    tip.replaceChildren(...lines.map((line) => Object.assign(document.createElement("div"), { textContent: line })));
    tip.hidden = false;
    const box = svg.parentElement.getBoundingClientRect();
    const left = event.clientX - box.left, right = left > box.width / 2;
    tip.style.left = right ? "" : `${left + 14}px`;
    tip.style.right = right ? `${box.width - left + 14}px` : "";
    tip.style.top = `${Math.max(event.clientY - box.top - 20, 0)}px`;
  }

  let held = null;
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, time(place(event)));
    read(event);
  }, { passive: false });
  svg.addEventListener("pointerdown", (event) => {
    held = { px: place(event), from, to };
    svg.setPointerCapture(event.pointerId);
    svg.classList.add("held");
  });
  svg.addEventListener("pointermove", (event) => {
    if (held) {
      const shift = ((held.px - place(event)) / (W - L - R)) * (held.to - held.from);
      show(held.from + shift, held.to + shift);
    }
    read(event);
  });
  const release = () => { held = null; svg.classList.remove("held"); };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("pointerleave", () => {
    tip.hidden = true;
    document.getElementById("cross")?.setAttribute("visibility", "hidden");
  });
  svg.addEventListener("dblclick", () => show(first, last));
  svg.addEventListener("keydown", (event) => {
    const step = (to - from) / 5;
    const act = {
      ArrowLeft: () => show(from - step, to - step), ArrowRight: () => show(from + step, to + step),
      "+": () => zoom(0.8, (from + to) / 2), "-": () => zoom(1.25, (from + to) / 2), "0": () => show(first, last),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  document.getElementById("in").addEventListener("click", () => zoom(0.5, (from + to) / 2));
  document.getElementById("out").addEventListener("click", () => zoom(2, (from + to) / 2));
  document.getElementById("all").addEventListener("click", () => show(first, last));
  const asked = location.hash.match(/^#(-?[\d.]+),(-?[\d.]+)$/);
  if (asked) show(Number(asked[1]), Number(asked[2])); else draw();
})();
