"use strict";
// Every figure of the page: zoom with Ctrl and the wheel or with a double click, pan by dragging, Escape shows all again.
for (const svg of document.querySelectorAll(".plot svg")) {
  const [left, top, width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  let box = [left, top, width, height];
  let held = null;

  const show = () => {
    svg.setAttribute("viewBox", box.join(" "));
    svg.style.cursor = box[2] < width ? "grab" : "zoom-in";
  };
  const place = (event) => {
    const seen = svg.getBoundingClientRect();
    return [(event.clientX - seen.left) / seen.width, (event.clientY - seen.top) / seen.height];
  };
  const keep = ([x, y, w, h]) => [
    Math.min(Math.max(x, left), left + width - w), Math.min(Math.max(y, top), top + height - h), w, h,
  ];
  const zoom = (event, factor) => {
    const [x, y] = place(event);
    const w = Math.min(Math.max(box[2] * factor, width / 60), width), h = (w / width) * height;
    box = keep([box[0] + x * (box[2] - w), box[1] + y * (box[3] - h), w, h]);
    show();
  };

  svg.setAttribute("tabindex", "0");
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;  // a page that scrolls goes on scrolling
    event.preventDefault();
    zoom(event, event.deltaY > 0 ? 1.25 : 0.8);
  }, { passive: false });
  svg.addEventListener("dblclick", (event) => zoom(event, event.shiftKey ? 2 : 0.5));
  svg.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    box = [left, top, width, height];
    show();
  });
  svg.addEventListener("pointerdown", (event) => {
    held = { at: place(event), box };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = place(event);
    box = keep([
      held.box[0] - (x - held.at[0]) * held.box[2], held.box[1] - (y - held.at[1]) * held.box[3], held.box[2], held.box[3],
    ]);
    show();
  });
  for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => { held = null; });
  show();
}
