// Decisions in words: what a row of the feed says, and how a condition's values are written.

import { count, duration, money, person as personName } from "../lib/format.js";
import { person, shop, subjectOf } from "./shop.js";

const TRIGGERS = {
  zone_entered: "zone entered",
  dwelled: "dwelled",
  basket_changed: "basket changed",
  sale_closed: "sale closed",
  shelf_low: "shelf low",
};

const RELATIONS = { at_least: "≥ ", at_most: "≤ ", is_not: "not ", not_in: "not ", has: "has ", has_not: "no " };

const OUTCOMES = {
  outranked: "Another of its group ranks higher",
  capped: "Its cap is reached",
  refused: "The account refused it",
  no_consent: "The member has not allowed it",
  missed: "A condition does not hold",
};

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const pad = (part) => String(Math.floor(part)).padStart(2, "0");

export const campaignName = (id) => shop.floor?.campaigns[id] ?? id;

export function subjectName(view) {
  if (view.decision.subject_name) return view.decision.subject_name;
  const known = person(subjectOf(view));
  if (known) return known.member || known.name ? personName(known) : "Someone";
  return view.decision.key.startsWith("shelf:") ? view.decision.where : "Someone";
}

export function gives(view) {
  const names = view.decision.winners.map(campaignName);
  if (view.decision.trigger === "shelf_low") return "is low";
  if (view.decision.trigger === "sale_closed") return names.length ? `paid, earns ${names.join(", ")}` : "paid";
  return names.length ? `gets ${names.join(", ")}` : "gets nothing";
}

export function row(view) {
  const { decision } = view;
  const won = decision.winners.length > 0;
  const when = [TRIGGERS[decision.trigger] ?? decision.trigger, decision.where].filter(Boolean).join(", ");
  const looks = {
    sale_closed: ["receipt", "money"],
    shelf_low: ["shelf", "stock"],
  }[decision.trigger] ?? (won ? ["tag", "won"] : ["nothing", ""]);
  let second = won ? `${decision.offers.length ? "offer issued" : decision.summary} · ${when}` : nearest(decision);
  if (decision.trigger === "sale_closed" || decision.trigger === "shelf_low") second = decision.summary || when;
  return { icon: looks[0], tone: looks[1], who: subjectName(view), does: gives(view), second };
}

function nearest(decision) {
  const miss = decision.nearest_miss;
  if (!miss) return decision.considered_count ? `${decision.considered_count} considered` : "no campaign fits here";
  if (!miss.failed) return `nearest miss: ${miss.name}`;
  return `nearest miss: ${miss.name}, ${lower(miss.failed.say)}`;
}

const lower = (words) => words.charAt(0).toLowerCase() + words.slice(1);

export function value(fact, scalar) {
  if (Array.isArray(scalar)) return scalar.length ? scalar.map((one) => value(fact, one)).join(", ") : "none";
  if (scalar === null || scalar === undefined) return "unknown";
  if (scalar === true) return "yes";
  if (scalar === false) return "no";
  const form = shop.floor?.forms[fact];
  if (form === "money" && typeof scalar === "number") return money(scalar);
  if (form === "seconds" && typeof scalar === "number") return duration(scalar * 1000);
  if (form === "minute" && typeof scalar === "number") return `${pad(scalar / 60)}:${pad(scalar % 60)}`;
  if (form === "weekday" && typeof scalar === "number") return DAYS[scalar] ?? String(scalar);
  if (typeof scalar === "number") return count(scalar);
  return String(scalar) === "" ? "none" : title(String(scalar));
}

const title = (word) => (/^[a-z]/.test(word) && word.length < 14 ? word.charAt(0).toUpperCase() + word.slice(1) : word);

export const wanted = (checked) => `${RELATIONS[checked.relation] ?? ""}${value(checked.fact, checked.want)}`;

export function reason(considered) {
  if (considered.failed) return considered.failed.say;
  if (considered.outcome === "won") return considered.of ? `${considered.of} of ${considered.of} conditions hold` : "Asks for nothing more";
  return OUTCOMES[considered.outcome] ?? considered.outcome;
}
