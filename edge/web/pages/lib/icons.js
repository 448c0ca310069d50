// Icons as strokes on a 16-unit square, in the colour of the text beside them.

import { svg } from "./dom.js";

const DRAWN = {
  tag: "M2.4 7.4V3.1c0-.4.3-.7.7-.7h4.3l6.2 6.2-5 5zM5.2 5.2h.01",
  receipt: "M3.6 13.9V2.1h8.8v11.8l-1.5-1.1-1.4 1.1L8 12.8l-1.5 1.1-1.4-1.1zM6 5.4h4M6 8.3h4",
  shelf: "M2.6 2v12M13.4 2v12M2.6 6.8h10.8M2.6 12.4h10.8M4.9 6.8V3.9h2.6v2.9M8.6 12.4V9.5h2.6v2.9",
  screen: "M3 3h10c.7 0 1.2.5 1.2 1.2v5.6c0 .7-.5 1.2-1.2 1.2H3c-.7 0-1.2-.5-1.2-1.2V4.2C1.8 3.5 2.3 3 3 3zM5.6 13.6h4.8",
  person: "M8 7.4a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.6c.5-2.8 2.5-4 5-4s4.5 1.2 5 4",
  gift: "M2.2 6h11.6v3H2.2zM3.2 9v4.6h9.6V9M8 6v7.6M8 6C5.2 6 4.4 2.6 6.2 2.6S8 6 8 6s0-3.4 1.8-3.4S10.8 6 8 6z",
  nothing: "M13.6 8A5.6 5.6 0 1 1 2.4 8a5.6 5.6 0 0 1 11.2 0zM4.1 11.9l7.8-7.8",
  wave: "M1.9 6.3a8.8 8.8 0 0 1 12.2 0M4.1 8.8a5.6 5.6 0 0 1 7.8 0M6.3 11.2a2.5 2.5 0 0 1 3.4 0",
  cut: "M1.9 6.3a8.8 8.8 0 0 1 3.9-2.3M9.7 3.9a8.8 8.8 0 0 1 4.4 2.4M4.1 8.8a5.6 5.6 0 0 1 2.6-1.5M6.3 11.2a2.5 2.5 0 0 1 3.4 0M2.5 2.5l11 11",
  alone: "M2.5 13.5v-6L8 3l5.5 4.5v6zM6.5 13.5v-3.6h3v3.6",
  check: "M3 8.6l3.2 3.2L13 4.9",
  close: "M4 4l8 8M12 4l-8 8",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  alert: "M8 2.3l6.1 10.9H1.9zM8 6.6v2.9M8 11.4v.01",
  scan: "M2 5V2.5h2.5M11.5 2.5H14V5M14 11v2.5h-2.5M4.5 13.5H2V11M5 5.6v4.8M8 5.6v4.8M11 5.6v4.8",
  clock: "M13.8 8A5.8 5.8 0 1 1 2.2 8a5.8 5.8 0 0 1 11.6 0zM8 4.8V8l2.2 1.6",
  search: "M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM10.3 10.3L14 14",
  store: "M2.1 6.4l1-3.9h9.8l1 3.9c0 2.3-3.9 2.3-3.9 0 0 2.3-4 2.3-4 0 0 2.3-3.9 2.3-3.9 0zM3.1 8.6v4.9h9.8V8.6M6.6 13.5v-3h2.8v3",
  table: "M2 3h12v10H2zM2 6.4h12M2 9.7h12M6.5 3v10",
  plan: "M2 2.6h12v10.8H2zM2 8h5V2.6M10 13.4V8h4",
  keys: "M2 4h12v8H2zM4.6 6.6h.01M7 6.6h.01M9.4 6.6h.01M11.6 6.6h.01M5 9.5h6",
  plus: "M8 3.2v9.6M3.2 8h9.6",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2l7.5 4.8L5 12.8z",
  minus: "M3.2 8h9.6",
  pen: "M3 13l.8-3.1 6.9-6.9 2.3 2.3-6.9 6.9zM9.2 4.5l2.3 2.3",
  pointer: "M4 2.6l8.4 5-3.8.9-1.9 3.6z",
  wall: "M2.5 13.5v-11h11v5.2",
  zone: "M3.2 4.6l6-2 4.2 4-2.4 6.8-7.8-1z",
  till: "M3 13.5v-5h10v5zM4.6 8.5V2.6h4.8v5.9M10.6 11h.01",
  undo: "M5.6 3.6L2.6 6.6l3 3M2.6 6.6h7a3.4 3.4 0 0 1 0 6.8H6",
  redo: "M10.4 3.6l3 3-3 3M13.4 6.6h-7a3.4 3.4 0 0 0 0 6.8H10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  bin: "M3 4.6h10M6.4 4.6V2.5h3.2v2.1M4.2 4.6l.7 8.9h6.2l.7-8.9M6.8 7.2v3.8M9.2 7.2v3.8",
  picture: "M2.4 3h11.2v10H2.4zM2.4 10.6l3-3 3 3 2.2-2.2 3 3M10.6 6h.01",
  ruler: "M2 10.4L10.4 2 14 5.6 5.6 14zM5 7.5l1.4 1.4M7.5 5l1.4 1.4",
  bolt: "M9 1.8L3.5 9H8l-1 5.2L12.5 7H8z",
};

export function icon(name, attributes = {}) {
  return svg(
    "svg",
    { viewBox: "0 0 16 16", "aria-hidden": "true", ...attributes, class: `icon ${attributes.class ?? ""}` },
    svg("path", { d: DRAWN[name] ?? DRAWN.nothing }),
  );
}

// The mark: three facings of a shelf end, the last one lit.
export function mark(size = 24) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" },
    svg("rect", { x: 3, y: 3, width: 4, height: 18, rx: 1.5, fill: "currentColor", opacity: 0.28 }),
    svg("rect", { x: 9, y: 3, width: 4, height: 18, rx: 1.5, fill: "currentColor", opacity: 0.5 }),
    svg("rect", { x: 15, y: 3, width: 6, height: 18, rx: 1.5, class: "lit", fill: "currentColor" }),
  );
}
