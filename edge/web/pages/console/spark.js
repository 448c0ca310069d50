// A sparkline: bars of time from zero, hidden from readers because the figure beside it is text.

import { attr, svg } from "../lib/dom.js";

export function spark(width, height, title, tone = "") {
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const dot = svg("circle", { r: 2.2 });
  const node = svg("svg", { class: `spark ${tone}`, width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, svg("title", {}, title), area, line, dot);
  function draw(series) {
    if (series.length < 2) return attr(node, "class", `spark ${tone} none`);
    attr(node, "class", `spark ${tone}`);
    const top = Math.max(...series, 1e-9) * 1.15;
    const span = width - 4;
    const at = series.map((figure, n) => [(n / (series.length - 1)) * span, height - 1 - (figure / top) * (height - 4)]);
    const way = at.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    attr(line, "d", way);
    attr(area, "d", `${way}V${height}H0z`);
    attr(dot, "cx", at.at(-1)[0].toFixed(1));
    attr(dot, "cy", at.at(-1)[1].toFixed(1));
    return undefined;
  }
  return { node, draw };
}
