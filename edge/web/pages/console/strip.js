// Under the plan: two real turns as stacked bars on one axis from zero, and three rates.

import { attr, el, keep, text } from "../lib/dom.js";
import { count, ms } from "../lib/format.js";
import { spark } from "./spark.js";

const STAGES = ["broker", "decode", "cell", "commit", "wire"];

export function makeStrip(box) {
  const age = el("span", { class: "num" });
  const bars = el("div", { class: "bars", role: "img" });
  const typical = bar("typical turn");
  const slow = bar("p99 turn");
  const axis = el("div", { class: "axis num", "aria-hidden": "true" });
  bars.append(typical.node, slow.node, el("div", { class: "bar-row ax" }, el("span"), axis));
  const legend = el("div", { class: "stages", "aria-hidden": "true" }, STAGES.map((stage) => el("span", {}, el("i", { class: `st-${stage}` }), stage)));
  const quiet = el("p", { class: "cap", text: "No turn in the last minute. Bars stand here as soon as somebody walks." });
  const rates = [["Sightings", "/s", "sightings", ""], ["Decisions", "/s", "decisions", ""], ["Sales", "/min", "sales", "money"]].map(rate);
  box.append(
    el("section", { class: "panel", "aria-label": "Where the time goes" }, el("h2", {}, "Where the time goes", age), quiet, bars, legend),
    el("section", { class: "panel", "aria-label": "Rates" }, el("h2", {}, "Rates", el("span", { text: "last 60 s" })), el("div", { class: "rates" }, rates.map((one) => one.node))),
  );

  function draw(now) {
    const { latency } = now;
    text(age, latency.gateway_age_ms === null ? "" : `gateway age, before us: ${(latency.gateway_age_ms / 1000).toFixed(1)} s`);
    const known = latency.typical.length > 0;
    quiet.hidden = known;
    bars.hidden = legend.hidden = !known;
    if (known) {
      const longest = Math.max(total(latency.slow), total(latency.typical), 1);
      const top = nice(longest);
      typical.draw(latency.typical, top);
      slow.draw(latency.slow, top);
      drawAxis(axis, top);
      attr(bars, "aria-label", `A typical turn took ${ms(total(latency.typical))} ms, the one at p99 ${ms(total(latency.slow))} ms. ${told(latency.slow)}`);
    }
    for (const one of rates) one.draw(now.rates);
  }
  return { draw };
}

const total = (turn) => turn.reduce((sum, one) => sum + one.took_us, 0);
const told = (turn) => turn.map((one) => `${one.stage} ${ms(one.took_us)}`).join(", ");

// The end of the axis: a little beyond the longest bar, on a whole step.
function nice(us) {
  const step = stepOf(us);
  return Math.ceil((us * 1.04) / step) * step;
}

function stepOf(us) {
  const rough = us / 3.2;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.8);
}

function drawAxis(axis, top) {
  const step = stepOf(top / 1.04);
  const marks = [];
  for (let at = 0; at <= top + 1; at += step) marks.push(at);
  keep(axis, marks, (at) => `${at}/${top}`, (at) => {
    const last = at + step > top + 1;
    const node = el("span", { text: `${Number((at / 1000).toFixed(1))}${last ? " ms" : ""}` });
    node.style.left = `${(at / top) * 100}%`;
    return node;
  });
}

function bar(name) {
  const stages = el("div", { class: "stack" });
  const sum = el("b", { class: "num" });
  const node = el("div", { class: "bar-row" }, el("span", { text: name }), el("div", { class: "track" }, stages, sum));
  function draw(turn, top) {
    keep(stages, turn, (one) => one.stage, (one) => el("i", { class: `st-${one.stage}` }), (part, one) => {
      part.style.flexGrow = one.took_us;
      part.title = `${one.stage} ${ms(one.took_us)} ms`;
    });
    const share = (total(turn) / top) * 100;
    stages.style.width = `${share}%`;
    sum.style.left = `${share}%`;
    text(sum, `${ms(total(turn))} ms`);
  }
  return { node, draw };
}

function rate([name, unit, key, tone]) {
  const figure = el("b");
  const line = spark(96, 24, name, tone);
  const node = el("div", { class: "rate" }, el("span", { class: "cap", text: name }), el("span", { class: "rv num" }, figure, ` ${unit}`), line.node);
  function draw(rates) {
    const { now, series } = rates[key];
    text(figure, now < 10 ? String(Number(now.toFixed(1))) : count(Math.round(now)));
    line.draw(series);
  }
  return { node, draw };
}
