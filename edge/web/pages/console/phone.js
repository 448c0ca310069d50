// The followed visit: who it is, and what the phone shows at this moment.

import { attend } from "../lib/socket.js";
import { barcode } from "../lib/barcode.js";
import { path } from "../lib/api.js";
import { attr, el, keep, text } from "../lib/dom.js";
import { clock, count, duration, initial, money, person as personName, several } from "../lib/format.js";
import { tile } from "../lib/goods.js";
import { icon } from "../lib/icons.js";
import { east, follow, followed, person, shop, tell } from "./shop.js";
import { granted } from "../lib/grants.js";

export function makePhone(panel) {
  const face = el("span", { class: "face", "aria-hidden": "true" });
  const name = el("h2");
  const about = el("div", { class: "cap num" });
  const pick = el("select", { "aria-label": "Follow another shopper", onchange: () => follow(pick.value) });
  const open = el("a", { class: "mini-open", target: "_blank", rel: "noopener", text: "Open this phone" });
  const time = el("span");
  const place = el("span");
  const balance = el("div", { class: "mini-balance num" });
  const asOf = el("span");
  const tierLine = el("span");
  const offers = el("div", { class: "mini-offers" });
  const none = el("p", { class: "cap", text: "No offers right now. They change as you walk." });
  const code = el("div", { class: "mini-code" });
  const screen = el(
    "div", { class: "mini" },
    el("div", { class: "mini-bar num" }, time, place),
    el("div", { class: "mini-pass" }, balance, el("div", { class: "mini-line num" }, tierLine, asOf)),
    el("h3", { text: "Offers now" }), offers, none, el("h3", { text: "At the till" }), code, open,
  );
  const gone = el("div", { class: "say pad" }, el("span", { class: "mark" }, icon("person")), el("b", { text: "No one is in the store." }), el("span", { text: "The first visit shows here." }));
  panel.append(
    el("header", {}, face, el("div", { class: "grow" }, name, about), el("span", { class: "pick btn small square" }, icon("down"), pick)),
    gone,
    el("div", { class: "mini-well" }, screen),
  );
  let line = null;
  let account = null;
  let known = null; // the last that was seen of the followed visit, also after it ended

  function listen(to) {
    if (account === to) return;
    line?.close();
    account = to;
    line = null;
    shop.wallet = null;
    if (!to) return;
    line = attend(`/ws/phone/${path(to)}`, {
      version: () => shop.wallet?.version ?? 0,
      take: (message) => {
        if (!("account" in message) || message.account !== account) return;
        shop.wallet = message;
        drawWallet();
        tell("wallet", message);
      },
    });
  }

  function draw(now) {
    known = followed() ?? (known?.subject === shop.followed ? known : null);
    gone.hidden = Boolean(known);
    screen.parentElement.hidden = !known;
    drawPick(now);
    if (!known) {
      text(name, "Nobody");
      text(about, "");
      return listen(null);
    }
    listen(known.account);
    text(face, initial(known.name));
    face.classList.toggle("anon", !known.member);
    text(name, personName(known));
    const tier = known.member && known.tier !== "base" ? `${known.tier.charAt(0).toUpperCase()}${known.tier.slice(1)} · ` : "";
    text(about, person(known.subject) ? `${tier}${tier ? "" : "visit "}${minutes(now.now_ms - known.since_ms)} · ${several(known.zones_seen, "zone")}` : "left the store");
    text(time, clock(now.now_ms, east()));
    text(place, now.store.name);
    attr(open, "href", `/phone/${encodeURIComponent(known.account)}`);
    drawWallet();
    return undefined;
  }

  function drawPick(now) {
    if (document.activeElement === pick) return; // a list must not change under the hand that uses it
    const sorted = [...now.people].sort((a, b) => Number(b.member) - Number(a.member) || personName(a).localeCompare(personName(b)));
    keep(pick, sorted, (one) => one.subject, (one) => el("option", { value: one.subject }), (option, one) => {
      text(option, `${personName(one)}${one.member ? "" : ` ${one.subject.slice(-4)}`} · ${shop.floor.zones[one.zone]?.name ?? "zone unknown"}`);
    });
    pick.value = shop.followed ?? "";
  }

  function drawWallet() {
    const wallet = shop.wallet;
    const cut = shop.now.link.state === "cut";
    const points = wallet?.points ?? null;
    const words = !wallet ? "…" : points === null ? (wallet.member ? "unknown" : "No card yet") : count(points);
    if (balance.dataset.words !== words) {
      balance.dataset.words = words;
      balance.replaceChildren(words, ...(points === null ? [] : [" ", el("small", { text: "points" })]));
    }
    text(asOf, wallet && points !== null ? `as of ${clock(wallet.as_of_ms, east())}` : "");
    text(tierLine, wallet?.member ? (cut ? "store's own count" : "member") : "offers on this visit only");
    const held = wallet?.offers.filter((one) => one.state === "issued" || one.state === "seen") ?? [];
    none.hidden = held.length > 0 || !wallet;
    keep(offers, held.slice(0, 3), (one) => one.offer, makeOffer);
    const number = known?.account ?? "";
    if (code.dataset.number !== number) {
      code.dataset.number = number;
      code.replaceChildren(el("span", { class: "mono", text: number }), barcode(number, { "aria-hidden": "true" }));
    }
  }

  function makeOffer(one) {
    const { title, now, was, extra, product } = granted(one.grants, shop.floor.products);
    const currency = shop.now.store.currency;
    const price = now !== null ? el("div", { class: "price num" }, money(now, currency), " ", el("span", { class: "was", text: money(was, currency) })) : el("div", { class: "price num", text: extra });
    const fresh = shop.now.now_ms - one.issued_at_ms < 60_000;
    return el(
      "div", { class: `mini-offer ${fresh ? "fresh" : ""}` },
      tile({}, product?.picture, title, product?.category, extra),
      el("div", {}, el("div", { class: "n", text: title || "For you" }), price, el("div", { class: "x", text: one.until_ms - shop.now.now_ms < 3_600_000 ? "until you leave" : `until ${clock(one.until_ms, east())}` })),
    );
  }
  return { draw };
}

const minutes = (spanMs) => (spanMs < 60_000 ? duration(spanMs) : `${Math.floor(spanMs / 60_000)} min`);
