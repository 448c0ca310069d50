// The store console: one snapshot after another from the store, drawn by its parts.

import { $, attr, el, text } from "../lib/dom.js";
import { clock, duration } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { attend } from "../lib/socket.js";
import { makeFeed } from "./feed.js";
import { makeKeys } from "./keys.js";
import { makePhone } from "./phone.js";
import { makePlan } from "./plan.js";
import { east, followed, on, shop, take } from "./shop.js";
import { makeStrip } from "./strip.js";
import { makeTill } from "./till.js";
import { makeTop } from "./top.js";
import { makeTries } from "./tries.js";
import { makeWhy } from "./why.js";

const SILENT_MS = 4_000; // without a message for so long, the engine has stopped answering

const announce = (words) => text($("#status"), words);
const feed = makeFeed($("#feed"), $("#counted"));
const why = makeWhy($("#why"), (seq) => feed.focus(seq), announce);
const plan = makePlan($("#floor"), announce, edit);
const tries = makeTries($("#floor").appendChild(el("div", { class: "tries", hidden: true })));
const parts = [makeTop($("#top"), announce), plan, makeStrip($("#strip")), makePhone($("#who")), makeTill($("#till"), announce), feed, tries];

on("floor", (floor) => plan.lay(floor));
on("now", (now) => {
  for (const part of parts) part.draw(now);
  drawTabs();
});
on("chosen", (seq) => why.open(seq));
on("wallet", () => why.redraw());
makeKeys({ feed, why, announce });

// The editor is fetched when it is first asked for: a console that only looks on does without it.
let editor = null;

async function edit(button) {
  button.disabled = true;
  plan.refused("");
  try {
    editor ??= (await import("./edit/main.js")).makeEditor($("#cols"), announce, () => button.focus());
    await editor.enter();
  } catch (error) {
    plan.refused(error.message);
    announce(error.message);
  } finally {
    button.disabled = false;
  }
}

const TABS = [["feed", () => "Decisions"], ["who", () => (followed()?.name ? `${followed().name}'s phone` : "Phone")], ["till", () => "Till"]];
const tabs = TABS.map(([id]) => el("button", { role: "tab", "aria-controls": id === "feed" ? "decisions" : id, "aria-selected": String(id === "feed"), onclick: () => show(id), onkeydown: turn }));
$("#tabs").append(...tabs);

function show(id) {
  document.body.dataset.tab = id;
  TABS.forEach(([own], n) => {
    attr(tabs[n], "aria-selected", String(own === id));
    attr(tabs[n], "tabindex", own === id ? "0" : "-1");
  });
}

function turn(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const at = (tabs.indexOf(event.currentTarget) + step + tabs.length) % tabs.length;
  show(TABS[at][0]);
  tabs[at].focus();
}

function drawTabs() {
  TABS.forEach(([, name], n) => text(tabs[n], name()));
}

// --- the engine's silence: the plan turns grey, the figures stay, dated

const again = el("button", { class: "btn small", onclick: () => line.now() }, "Try now");
const lostWords = el("span");
const lostMore = el("span");
$("#lost").append(icon("alert"), el("b", {}, lostWords), lostMore, again);
let nextAt = 0;

function watch() {
  const silent = shop.now !== null && performance.now() - shop.heardAt > SILENT_MS;
  const never = shop.now === null && nextAt > 0;
  const lost = silent || never;
  if (lost !== shop.lost) {
    shop.lost = lost;
    document.body.classList.toggle("is-lost", lost);
    $("#lost").hidden = !lost;
  }
  if (!lost) return;
  text(lostWords, shop.now ? "The store engine stopped answering." : "The store engine does not answer.");
  const wait = Math.max(0, nextAt - performance.now());
  const from = shop.now ? `What you see is from ${clock(shop.now.now_ms, east(), true)}. ` : "Start it with endcap-store run. ";
  text(lostMore, `${from}Trying again in ${duration(Math.max(1000, wait))}.`);
}

setInterval(watch, 500);

const line = attend("/ws/console", {
  version: () => (shop.now && performance.now() - shop.heardAt < SILENT_MS ? 1 : 0), // 0 asks for one at once
  take: (snapshot) => take(snapshot).catch((error) => announce(error.message)),
  state: ({ up, nextMs }) => {
    nextAt = up ? 0 : performance.now() + nextMs;
  },
});

show("feed");
