// The decisions as they come. Up and down move, Enter reads why, Esc comes back; P pauses. Read out as a count.

import { attr, calm, el, keep, text } from "../lib/dom.js";
import { clock, count, ms, several } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { choose, east, shop } from "./shop.js";
import { tick } from "./tries.js";
import { row } from "./words.js";

const SHOWN = 60;
const SLIDE_MAX = 8; // rows a second above which they only count
const COUNT_MS = 5_000;

export function makeFeed(panel, counted) {
  const live = el("span", { class: "live num" });
  const pause = el("button", { class: "btn small", "aria-pressed": "false", onclick: () => hold() }, "Pause");
  const find = el("input", { type: "search", class: "find", placeholder: "find", "aria-label": "Find decisions by name", oninput: () => draw(), hidden: true });
  const list = el("ul", { role: "log", "aria-live": "off", "aria-label": "Decisions, newest first" });
  const empty = el("div", { class: "say pad" }, el("span", { class: "mark" }, icon("person")), el("b", { text: "No decisions yet." }), el("span", { text: "The first sighting shows here." }));
  panel.append(el("header", {}, el("h2", { class: "grow", text: "Decisions" }), find, live, pause), empty, list);
  let paused = null;
  let unread = 0;
  let last = 0;

  function hold(on = paused === null) {
    paused = on ? [...shop.decisions] : null;
    attr(pause, "aria-pressed", String(on));
    text(pause, on ? "Go on" : "Pause");
    draw();
  }

  function draw() {
    if (!shop.now) return;
    const rate = shop.now.rates.decisions.now;
    const waiting = paused ? shop.decisions.filter((one) => one.seq > (paused[0]?.seq ?? 0)).length : 0;
    text(live, paused ? `paused, ${waiting} new` : `live, ${rate < 10 ? Number(rate.toFixed(1)) : count(Math.round(rate))}/s`);
    live.classList.toggle("paused", Boolean(paused));
    const words = find.value.trim().toLowerCase();
    const found = (paused ?? shop.decisions).filter((one) => !words || JSON.stringify(row(one)).toLowerCase().includes(words));
    empty.hidden = found.length > 0;
    text(empty.children[1], words ? `Nothing named "${find.value.trim()}".` : "No decisions yet.");
    text(empty.children[2], words ? "Esc shows all again." : "The first sighting shows here.");
    list.classList.toggle("slides", rate <= SLIDE_MAX && !calm() && last > 0);
    keep(list, found.slice(0, SHOWN), (one) => one.seq, makeRow, drawRow);
    last = shop.decisions[0]?.seq ?? 0;
    unread += shop.added ?? 0;
    shop.added = 0;
  }

  function makeRow(view) {
    const words = row(view);
    const button = el(
      "button", { "aria-expanded": "false", onclick: () => { choose(view.seq); tick("why"); }, onkeydown: move },
      el("span", { class: `sort ${words.tone}` }, icon(words.icon)),
      el("span", { class: "said" }, el("span", { class: "first" }, el("b", { text: words.who }), ` ${words.does}`), el("span", { class: "second", text: words.second })),
      el("span", { class: "took num" }, el("time", { text: clock(view.at_ms, east(), true) }), el("span", { text: `${ms(view.took_us)} ms` })),
    );
    return el("li", { "data-seq": view.seq }, button);
  }

  function drawRow(node, view) {
    const chosen = view.seq === shop.chosen;
    node.classList.toggle("chosen", chosen);
    attr(node.firstChild, "aria-expanded", String(chosen));
  }

  function move(event) {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!step) return;
    event.preventDefault();
    event.currentTarget.closest("li")[step]?.firstChild.focus();
  }

  setInterval(() => {
    if (unread === 0 || !shop.now) return;
    const out = shop.now.shelves.filter((one) => one.state === "out").length;
    text(counted, `${several(unread, "decision")}${out ? `, ${several(out, "shelf", "shelves")} out` : ""}`);
    unread = 0;
  }, COUNT_MS);

  return {
    draw,
    pause: hold,
    find() {
      find.hidden = false;
      find.focus();
    },
    endFind() {
      if (find.hidden) return false;
      find.value = "";
      find.hidden = true;
      draw();
      return true;
    },
    focus: (seq) => list.querySelector(`li[data-seq="${seq}"] button`)?.focus(),
  };
}
