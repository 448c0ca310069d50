// The top bar: store, clock, line to head office with its switch, backlog, latency, cells, who is needed, totals.

import { post } from "../lib/api.js";
import { attr, el, keep, text } from "../lib/dom.js";
import { clock, count, day, duration, money, ms, seconds, several } from "../lib/format.js";
import { icon, mark } from "../lib/icons.js";
import { demo, east, shop } from "./shop.js";
import { spark } from "./spark.js";
import { tick } from "./tries.js";

const kv = (key, cls = "") => {
  const label = el("span", { class: "k", text: key });
  const value = el("span", { class: `v num ${cls}` });
  return { node: el("div", { class: "kv" }, label, value), label, value };
};

export function makeTop(bar, announce) {
  const name = el("h1");
  const id = el("div", { class: "cap" });
  const time = el("time", { class: "clock num" });
  const date = el("span", { class: "cap" });
  const link = kv("Link to head office");
  const wanIcon = el("span", { class: "wan-icon" });
  const wan = el("input", { type: "checkbox", role: "switch", "aria-label": "WAN", onchange: () => setWan(wan, announce) });
  const backlog = kv("Backlog");
  const eta = kv("ETA once up");
  const p50 = kv("p50");
  const p99 = kv("p99");
  const line = spark(88, 28, "p99 over the last 60 s");
  const cells = kv("Cells");
  const kill = el("button", { class: "btn small", onclick: () => killRay(kill, announce) }, "Kill Ray");
  const needs = el("button", { class: "chip out needs", popovertarget: "needs-list" });
  const list = el("ul", { class: "needs-list", id: "needs-list", popover: "auto" });
  const visits = kv("Visits");
  const sales = kv("Sales today");
  const wanSwitch = el("label", { class: "switch wan" }, wan, el("i"));
  const linkSeg = el("div", { class: "seg link" }, wanIcon, link.node, el("span", { class: "grow" }), wanSwitch);
  const cellSeg = el("div", { class: "seg cells" }, cells.node, kill);
  bar.append(
    el("div", { class: "seg brand" }, mark(), el("div", {}, name, id)),
    el("div", { class: "seg when" }, el("div", { class: "kv" }, time, date)),
    linkSeg,
    el("div", { class: "seg backlog" }, backlog.node, eta.node),
    el("div", { class: "seg lat" }, p50.node, p99.node, line.node),
    cellSeg,
    el("span", { class: "grow" }),
    el("div", { class: "seg last" }, needs, list),
    el("div", { class: "seg totals" }, visits.node, sales.node),
  );

  function draw(now) {
    text(name, now.store.name);
    text(id, `store ${now.store.id}`);
    document.title = `${now.store.name} · Endcap store console`;
    drawLink(now);
    value(p50, now.latency.p50_us === null ? ["unknown"] : [ms(now.latency.p50_us), "ms"]);
    value(p99, now.latency.p99_us === null ? ["unknown"] : [ms(now.latency.p99_us), "ms"]);
    line.draw(now.latency.p99_series_us);
    drawCells(now);
    drawNeeds(now);
    value(visits, [count(now.visits)]);
    value(sales, [money(now.sales_today_minor, now.store.currency)]);
    sales.value.classList.toggle("t-money", now.sales_today_minor > 0);
  }

  function drawLink(now) {
    const { state, since_ms, backlog: waits, eta_s, round_trip_ms } = now.link;
    const since = duration(now.now_ms - since_ms);
    const cut = state === "cut";
    document.body.dataset.wan = cut ? "cut" : "up";
    const says = {
      up: ["Link to head office", "WAN up", round_trip_ms === null ? "" : `${Math.round(round_trip_ms)} ms`],
      cut: ["Selling as before", "WAN cut", since],
      catching_up: ["Money first", "Catching up", since],
      stuck: ["The store goes on selling", "Nothing moves", since],
      alone: ["Link to head office", "None set", ""],
    }[state];
    text(link.label, says[0]);
    value(link, says.slice(1).filter(Boolean));
    link.value.classList.toggle("t-cut", cut);
    link.value.classList.toggle("t-link", state === "catching_up");
    link.value.classList.toggle("t-stock", state === "stuck");
    const shape = cut ? "cut" : state === "alone" ? "alone" : "wave";
    if (wanIcon.dataset.shape !== shape) {
      wanIcon.dataset.shape = shape;
      wanIcon.replaceChildren(icon(shape));
    }
    wanIcon.className = `wan-icon ${cut ? "t-cut" : state === "stuck" ? "t-stock" : "t-link"}`;
    if (!wan.dataset.busy) wan.checked = !cut;
    wan.disabled = !demo() || state === "alone";
    wanSwitch.hidden = state === "alone";
    value(backlog, waits || cut ? [several(waits, "record")] : ["0 records", "in step"]);
    eta.node.hidden = !cut && state !== "catching_up";
    text(eta.label, cut ? "ETA once up" : "To go");
    value(eta, [eta_s === null ? "unknown" : seconds(eta_s)]);
  }

  function drawCells(now) {
    const wanted = now.cells.filter((one) => one.wanted === "ray");
    cellSeg.hidden = now.cells.length === 0;
    const away = wanted.filter((one) => one.place === "ray").length;
    const onRay = wanted.length > 0 && away === wanted.length;
    value(cells, [wanted.length === 0 ? "here" : onRay ? "on Ray" : "cells here"]);
    cells.value.classList.toggle("t-stock", wanted.length > 0 && !onRay);
    text(cells.label, wanted.length > 0 && !onRay ? "Ray is away" : "Cells");
    kill.hidden = !demo() || wanted.length === 0;
    kill.disabled = away === 0;
    cells.node.title = now.cells.map((one) => `${one.cell}: ${one.place}, ${several(one.entities, "entity", "entities")}`).join("\n");
  }

  function drawNeeds(now) {
    needs.hidden = now.needs.length === 0;
    const first = now.needs[0];
    const urgent = now.needs.some((one) => one.urgent);
    needs.className = `chip needs ${urgent ? "out" : "stock"}`;
    const words = now.needs.length === 1 ? first.say : `${now.needs.length} things need a person`;
    if (needs.dataset.words !== words) {
      needs.dataset.words = words;
      needs.replaceChildren(icon("alert"), words);
    }
    keep(list, now.needs, (one) => one.code + one.key + one.say, (one) => el(
      "li", { class: `say ${one.urgent ? "out" : ""}` },
      el("span", { class: "mark" }, icon(one.urgent ? "alert" : "shelf")), el("b", { text: one.say }), el("span", { text: one.do }),
    ));
  }

  function beat() {
    if (!shop.now) return;
    const at = shop.now.now_ms + (shop.lost ? 0 : performance.now() - shop.heardAt);
    const whole = clock(at, east(), true);
    if (time.dataset.at !== whole) {
      time.dataset.at = whole;
      time.replaceChildren(whole.slice(0, 5), el("i", { text: whole.slice(5) }));
      attr(time, "datetime", whole);
      text(date, day(at, east()));
    }
  }

  setInterval(beat, 250);
  return { draw, beat };
}

function value({ value: node }, [main, unit]) {
  const whole = `${main} ${unit ?? ""}`;
  if (node.dataset.whole === whole) return;
  node.dataset.whole = whole;
  node.replaceChildren(main, ...(unit ? [" ", el("small", { text: unit })] : []));
}

async function setWan(box, announce) {
  const up = box.checked;
  box.dataset.busy = "1";
  try {
    await post("/api/v1/demo/wan", { up });
    announce(up ? "WAN up. Catching up." : "WAN cut. Selling as before.");
    tick(up ? "wan-back" : "wan-cut");
  } catch (error) {
    box.checked = !up;
    announce(error.message);
  } finally {
    setTimeout(() => delete box.dataset.busy, 700); // the next snapshot knows it by then
  }
}

async function killRay(button, announce) {
  button.disabled = true;
  try {
    await post("/api/v1/demo/kill-ray", {});
    announce("Ray is killed. Cells run in the engine's own process.");
    tick("ray");
  } catch (error) {
    button.disabled = false;
    announce(error.message);
  }
}
