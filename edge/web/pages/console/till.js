// A till that a visitor can ring. One operation id a sale: a retry sends the same one, so nothing is doubled.

import { operation, post } from "../lib/api.js";
import { el, keep, text } from "../lib/dom.js";
import { money, person as personName, points } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { demo, followed, on, shop } from "./shop.js";
import { tick } from "./tries.js";
import { granted } from "../lib/grants.js";

export function makeTill(panel, announce) {
  const which = el("select", { class: "quiet", "aria-label": "Which till" });
  const whose = el("span", { class: "cap" });
  const lines = el("ul", { class: "lines" });
  const said = el("div", { class: "said-box", role: "status" });
  const toPay = el("b", { class: "num" });
  const before = el("span", { class: "was num" });
  const add = el("select", { "aria-label": "Add goods to the basket", onchange: () => { put(add.value); add.value = ""; } });
  const pay = el("button", { class: "btn pay", onclick: () => ring() });
  panel.append(
    el("header", {}, el("h2", { class: "grow" }, which), whose),
    el("div", { class: "till-in" }, lines, said, el("div", { class: "total" }, el("span", { text: "To pay" }), el("span", {}, before, " ", toPay)),
      el("div", { class: "two" }, el("span", { class: "btn pick" }, icon("scan"), "Add", add), pay)),
  );
  let basket = null; // [{sku, pieces}]
  let sale = null; // the request that is under way or refused: sent again unchanged
  let receipt = null;

  function put(sku, pieces = 1) {
    if (!sku) return;
    if (receipt) [basket, receipt] = [[], null];
    sale = null;
    const had = basket.find((one) => one.sku === sku);
    if (had) had.pieces += pieces;
    else basket.push({ sku, pieces });
    draw();
  }

  function drop(sku) {
    sale = null;
    basket = basket.filter((one) => one.sku !== sku);
    draw();
  }

  function priced() {
    const held = shop.wallet?.offers.filter((one) => one.state === "issued" || one.state === "seen") ?? [];
    return basket.map(({ sku, pieces }) => {
      const product = shop.floor.products[sku];
      const offer = held.find((one) => granted(one.grants, shop.floor.products).off && one.grants.some((grant) => grant.sku === sku));
      const off = offer ? Math.min(granted(offer.grants, shop.floor.products).off, product.price_minor) : 0;
      return { sku, pieces, name: product.name, price: product.price_minor, off, why: offer ? shop.floor.campaigns[offer.campaign] ?? "offer" : "" };
    });
  }

  function draw() {
    if (!shop.floor || !shop.now) return;
    panel.hidden = !demo() || Object.keys(shop.floor.tills).length === 0;
    if (panel.hidden) return;
    if (basket === null) start();
    const currency = shop.now.store.currency;
    keep(which, Object.entries(shop.floor.tills), ([id]) => id, ([id, place]) => el("option", { value: id, text: place.name }));
    keep(add, [["", { name: "Add goods" }], ...Object.entries(shop.floor.products)], ([sku]) => sku, ([sku, product]) => el("option", { value: sku, text: product.name }));
    const who = followed();
    text(whose, receipt ? "closed" : who ? `${personName(who)}'s basket` : "no card");
    const all = priced();
    keep(lines, receipt ? [] : all, (one) => one.sku, makeLine, (node, one) => drawLine(node, one, currency));
    const full = all.reduce((sum, one) => sum + one.price * one.pieces, 0);
    const off = all.reduce((sum, one) => sum + one.off, 0);
    text(toPay, money(full - off, currency));
    text(before, off ? money(full, currency) : "");
    text(pay, receipt ? "Next basket" : sale?.refused ? "Ring it up again" : `Pay ${money(full - off, currency)}`);
    pay.disabled = Boolean(sale && !sale.refused) || (!receipt && all.length === 0);
    panel.querySelector(".total").hidden = Boolean(receipt) || all.length === 0;
    drawSaid(all, currency);
  }

  // Three things off the shelves, the first from where the followed visit is, so that there is something to ring.
  function start() {
    const shelves = Object.values(shop.floor.shelves);
    const near = shelves.filter((one) => one.zone === followed()?.zone);
    const far = shelves.filter((_, n) => n % 3 === 1);
    const goods = [...new Set([...near.slice(0, 1), ...far].map((one) => one.sku))].filter((sku) => shop.floor.products[sku]);
    basket = goods.slice(0, 3).map((sku) => ({ sku, pieces: 1 }));
  }

  function makeLine(one) {
    const off = el("button", { class: "less", "aria-label": `Take ${one.name} out`, onclick: () => drop(one.sku) }, icon("close"));
    return el("li", {}, el("span", {}, el("span"), el("small")), el("span", { class: "r num" }, el("span"), el("small", { class: "t-money" })), off);
  }

  function drawLine(node, one, currency) {
    const [what, sum] = node.children;
    text(what.children[0], one.pieces > 1 ? `${one.pieces} × ${one.name}` : one.name);
    text(what.children[1], one.why);
    text(sum.children[0], money(one.price * one.pieces, currency));
    text(sum.children[1], one.off ? money(-one.off, currency) : "");
  }

  function drawSaid(all, currency) {
    if (receipt) {
      const earned = receipt.points_earned ? `${points(receipt.points_earned)} earned${receipt.balance_points === null ? "" : `, ${points(receipt.balance_points)} now`}.` : "No card, so no points.";
      return box("money", "check", `${money(receipt.total_minor, currency)} paid.`, `${earned} Sale ${receipt.sale}.`);
    }
    if (sale?.refused) return box("out", "alert", "Sale not taken.", `${sale.refused}`);
    if (all.length === 0) return box("", "scan", "The basket is empty.", "Add goods, or click a shelf.");
    said.replaceChildren();
    said.dataset.words = "";
    return undefined;
  }

  function box(tone, sign, first, second) {
    const words = first + second;
    if (said.dataset.words === words) return;
    said.dataset.words = words;
    said.replaceChildren(el("div", { class: `say ${tone}` }, el("span", { class: "mark" }, icon(sign)), el("b", { text: first }), el("span", { text: second })));
  }

  function asked() {
    const number = String(Date.now() % 1_000_000).padStart(6, "0");
    const who = followed();
    return {
      operation: operation("console"),
      sale: `C${number}`,
      till: which.value || Object.keys(shop.floor.tills)[0],
      card: who?.member ? who.account : "",
      currency: shop.now.store.currency,
      lines: priced().map((one) => ({ sku: one.sku, quantity: one.pieces * 1000, discount_minor: one.off })),
    };
  }

  async function ring() {
    if (receipt) {
      receipt = null;
      start();
      return draw();
    }
    sale = { request: sale?.request ?? asked(), refused: "" };
    draw();
    try {
      const verdict = await post("/api/v1/sales", sale.request);
      receipt = verdict.body;
      sale = null;
      basket = [];
      tick("sale");
      announce("Sale taken.");
    } catch (error) {
      const unsure = error.code === "out_of_reach" ? "It may have been taken: ring it up again, it counts once." : "";
      sale.refused = `${error.message} ${unsure}`.trim();
      announce(`Sale not taken. ${sale.refused}`);
    }
    return draw();
  }

  on("taken", ({ sku, pieces }) => pieces > 0 && put(sku, pieces));
  on("wallet", draw);
  return { draw };
}
