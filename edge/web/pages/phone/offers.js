// Offers now and those that ended, and "Why these?" in the sentences of the conditions.

import { get, path } from "../lib/api.js";
import { el } from "../lib/dom.js";
import { clock, money } from "../lib/format.js";
import { tile } from "../lib/goods.js";
import { icon } from "../lib/icons.js";
import { granted } from "../lib/grants.js";

const FRESH_MS = 60_000;
const OVER_MAX = 4;
const HOUR_MS = 3_600_000;

export function makeOffers(box, { state, currency, east, announce, keep }) {
  const ask = el("button", { onclick: why }, "Why these?");
  const hint = el("p", { class: "fine", text: "They change as you walk." });
  const empty = el("div", { class: "card empty" }, el("b", { text: "No offers right now." }), el("span", { text: "They change as you walk." }));
  const now = el("div");
  const overHead = el("div", { class: "head" }, el("h2", { text: "Before" }));
  const over = el("div");
  box.append(el("div", { class: "head" }, el("h2", { text: "Offers now" }), ask), empty, now, hint, overHead, over);
  const shut = el("button", { class: "btn small square", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"));
  const inside = el("div", { class: "in" });
  const dialog = el("dialog", { "aria-label": "Why these offers" }, el("header", {}, el("h2", { text: "Why these?" }), shut), inside);
  document.body.append(dialog);

  const holds = (one) => (one.state === "issued" || one.state === "seen") && one.until_ms > Date.now();
  const held = () => (state.wallet?.offers ?? []).filter(holds);

  function draw() {
    const running = held();
    const ended = (state.wallet?.offers ?? []).filter((one) => !holds(one)).slice(0, OVER_MAX);
    ask.hidden = hint.hidden = running.length === 0;
    empty.hidden = running.length > 0 || Boolean(state.unknown);
    overHead.hidden = ended.length === 0;
    keep(now, running, (one) => one.offer, (one) => card(one, false));
    keep(over, ended, (one) => one.offer + one.state, (one) => card(one, true));
  }

  function card(one, isOver) {
    const { title, now: price, was, extra, product } = granted(one.grants, state.floor?.products);
    const fresh = !isOver && Date.now() - one.issued_at_ms < FRESH_MS;
    const big = price !== null
      ? el("div", { class: "price num" }, money(price, currency()), el("span", { class: "was", text: money(was, currency()) }))
      : el("div", { class: "price num" }, extra.replace(/ points$/, ""), extra.endsWith(" points") ? el("small", { text: "points" }) : null);
    const says = isOver ? ended(one) : [one.say, until(one)].filter(Boolean);
    return el(
      "article", { class: `card offer ${fresh ? "fresh" : ""} ${isOver ? "over" : ""}` },
      tile({}, product?.picture, title, product?.category, extra),
      el("div", {}, el("h3", { text: title || "For you" }), says.map((words) => el("p", { class: "num", text: words }))),
      big,
    );
  }

  function until(one) {
    return one.until_ms - Date.now() < HOUR_MS ? "Until you leave." : `Until ${clock(one.until_ms, east())}.`;
  }

  function ended(one) {
    if (one.state === "redeemed") return ["Used."];
    if (one.state === "withdrawn") return ["Sold out here. This offer is withdrawn.", "Your points are untouched."];
    return [`Ended ${clock(one.until_ms, east())}.`];
  }

  async function why() {
    inside.replaceChildren(el("p", { class: "sub", text: "Asking the store…" }));
    dialog.showModal();
    try {
      const parts = await Promise.all(held().map(reasons));
      inside.replaceChildren(...parts);
    } catch (error) {
      inside.replaceChildren(el("p", { class: "sub", text: `Not now. ${error.message}` }));
      announce(error.message);
    }
  }

  async function reasons(one) {
    const { title, extra } = granted(one.grants, state.floor?.products);
    const name = state.floor?.campaigns[one.campaign] ?? one.campaign;
    const part = el("section", { class: "why-offer" }, el("h3", { text: title || extra || name }));
    const [view] = await get(`/api/v1/decisions?limit=1&offer=${encodeURIComponent(one.offer)}`);
    if (!view) {
      part.append(el("p", { class: "sub", text: one.say || "The store no longer keeps this decision." }));
      return part;
    }
    const { view: whole } = await get(`/api/v1/decisions/${path(String(view.seq))}`);
    const won = whole.decision.considered.find((each) => each.campaign === one.campaign);
    const near = whole.decision.nearest_miss;
    const because = [one.say, won?.of ? `${name}: ${won.of === 1 ? "its condition holds" : `all ${won.of} conditions hold`}.` : `${name} asks for nothing more.`, `You came into ${whole.decision.where}.`].filter(Boolean);
    part.append(el("ul", {}, because.map((words) => el("li", {}, icon("check"), el("span", { text: words }))), near?.failed
      ? el("li", { class: "near" }, icon("tag"), el("span", { text: `Almost: ${near.name}. ${near.failed.say}${near.would_give ? `: ${near.would_give}` : ""}.` })) : null));
    return part;
  }

  setInterval(draw, 5_000); // offers end by the clock, too
  return { draw };
}
