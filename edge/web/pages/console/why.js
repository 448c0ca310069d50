// Why: what was seen and what was wanted, campaign by campaign. The nearest miss is the one tinted row.

import { get } from "../lib/api.js";
import { calm, el, text } from "../lib/dom.js";
import { clock, count, money, ms } from "../lib/format.js";
import { picture } from "../lib/goods.js";
import { granted } from "../lib/grants.js";
import { icon } from "../lib/icons.js";
import { choose, decision, east, shop } from "./shop.js";
import { campaignName, gives, reason, subjectName, value, wanted } from "./words.js";

export function makeWhy(panel, focusRow, announce) {
  const title = el("h2", { class: "grow", text: "Why" });
  const shut = el("button", { class: "btn small square", "aria-label": "Close", onclick: () => close() }, icon("close"));
  const body = el("div", { class: "why-body", tabindex: 0, role: "group", "aria-label": "Reasons" });
  const turn = el("span", { class: "cap num grow" });
  const replay = el("button", { class: "btn small", onclick: () => again() }, "Replay turn");
  const foot = el("div", { class: "why-foot" }, turn, replay);
  panel.append(el("header", {}, title, shut), body, foot);
  let shown = null;
  let whole = null;

  async function open(seq) {
    if (seq === shown) return;
    shown = seq;
    whole = null;
    const view = seq === null ? null : decision(seq);
    if (!view) return nothing();
    draw(view, null);
    try {
      const explained = await get(`/api/v1/decisions/${seq}`);
      if (shown !== seq) return;
      whole = explained;
      draw({ ...explained.view, took_us: view.took_us }, explained);
    } catch (error) {
      if (shown === seq) body.append(el("p", { class: "cap pad", text: error.message }));
    }
  }

  function nothing() {
    text(title, "Why");
    panel.setAttribute("aria-label", "Why");
    shut.hidden = foot.hidden = true;
    body.replaceChildren(el("div", { class: "say" }, el("span", { class: "mark" }, icon("tag")), el("b", { text: "Nothing is open." }), el("span", { text: "Choose a decision to read why." })));
  }

  function draw(view, explained) {
    const words = `Why ${subjectName(view)} ${gives(view)}`;
    text(title, words);
    panel.setAttribute("aria-label", words);
    shut.hidden = foot.hidden = false;
    body.replaceChildren(result(view), reasons(view, explained));
    if (!calm()) body.animate?.([{ opacity: 0.25 }, { opacity: 1 }], { duration: 160 });
    text(turn, `turn ${count(view.seq)} · ${stamp(view.at_ms)}`);
    replay.disabled = false;
    text(replay, "Replay turn");
  }

  async function again() {
    if (shown === null) return;
    const seq = shown;
    replay.disabled = true;
    try {
      const explained = await get(`/api/v1/decisions/${seq}`);
      if (shown !== seq) return;
      const said = explained.same ? "same result" : "another result";
      turn.replaceChildren(
        el("span", { class: explained.same ? "t-money b" : "t-out b", text: `Replayed: ${said}` }),
        ` in ${ms(explained.replayed_us)} ms · `, el("span", { class: "mono", text: explained.digest.slice(0, 8) }),
      );
      turn.title = `Digest ${explained.digest}; facts of version ${count(explained.facts_version)}`;
      announce(`Replayed: ${said}.`);
    } catch (error) {
      text(turn, error.message);
    } finally {
      replay.disabled = false;
    }
  }

  function close() {
    const seq = shown;
    choose(null);
    if (seq !== null) focusRow(seq);
  }

  nothing();
  return {
    open,
    close,
    redraw: () => whole && shown !== null && draw(whole.view, whole),
    focus: () => body.focus(),
    isOpen: () => shown !== null,
  };
}

const stamp = (atMs) => `${clock(atMs, east(), true)}.${String(atMs % 1000).padStart(3, "0")}`;

// What came of it, with a picture of the goods when the wallet that holds it is at hand.
function result(view) {
  const { decision: made } = view;
  const held = shop.wallet?.offers.find((one) => made.offers.includes(one.offer));
  const took = `decided in ${ms(view.took_us)} ms`;
  if (!made.winners.length) {
    return el(
      "div", { class: "result none" }, el("span", { class: "goods small" }, icon("nothing")),
      el("div", {}, el("div", { class: "t", text: "Nothing this time" }), el("div", { class: "s num", text: `${made.considered_count} considered, none fits · ${took}` })),
    );
  }
  const grant = held ? granted(held.grants, shop.floor.products) : null;
  const names = made.winners.map(campaignName).join(", ");
  let what = grant?.title || names;
  if (grant?.off) what = `${money(grant.off, shop.now.store.currency)} off ${grant.title.charAt(0).toLowerCase()}${grant.title.slice(1)}`;
  else if (grant?.extra) what = `${grant.extra} · ${grant.title}`;
  const shows = shop.now.screens.filter((one) => one.campaign && made.winners.includes(one.campaign)).map((one) => shop.floor.signs[one.sign]?.name ?? one.sign);
  const to = [made.offers.length ? "the phone" : "", ...shows].filter(Boolean).join(" and ");
  const goods = el("span", { class: "goods small" }, picture(grant?.product?.picture, grant?.title, names));
  return el(
    "div", { class: "result" }, goods,
    el("div", {}, el("div", { class: "t num", text: what }), el("div", { class: "s num", text: `${to ? `to ${to}, ` : ""}${took}` })),
  );
}

function reasons(view, explained) {
  const made = view.decision;
  const near = made.nearest_miss?.campaign;
  const listed = explained ? made.considered ?? [] : [made.nearest_miss].filter(Boolean);
  const rank = (one) => (one.outcome === "won" ? 0 : one.campaign === near ? 1 : 2);
  const rows = [...listed].sort((a, b) => rank(a) - rank(b));
  const head = `${made.considered_count} considered, ${made.could_not_fire} could not fire here`;
  return el(
    "table", { class: "reasons" },
    el("thead", {}, el("tr", {}, el("th", { colspan: 2, scope: "col", text: head }), el("th", { class: "r", scope: "col", text: "saw" }), el("th", { class: "r", scope: "col", text: "wanted" }))),
    el("tbody", {}, rows.map((one) => line(one, one.campaign === near && one.outcome !== "won"))),
  );
}

function line(one, isNear) {
  const kind = one.outcome === "won" ? "won" : isNear ? "near" : "no";
  const sign = el("span", { class: `verdict ${kind}` }, kind === "won" ? icon("check") : kind === "no" ? icon("close") : null);
  const name = el("span", { class: "name" }, one.name || campaignName(one.campaign), isNear ? el("span", { class: "chip accent", text: "nearest miss" }) : null);
  const says = el("span", { class: "says", text: reason(one) });
  if (isNear && one.would_give) says.append(el("span", { class: "would", text: one.would_give }));
  const cells = one.outcome === "won"
    ? [el("td", { colspan: 2, class: "r" }, el("span", { class: "chip money", text: "won" }))]
    : one.failed
      ? [el("td", { class: "num saw", text: value(one.failed.fact, one.failed.saw) }), el("td", { class: "num want", text: wanted(one.failed) })]
      : [el("td", { colspan: 2, class: "r sub", text: one.outcome.replace("_", " ") })];
  return el("tr", { class: kind }, el("td", {}, sign), el("td", {}, name, says), cells);
}
