// What the console knows: the floor, the newest snapshot, what is followed and chosen. Parts listen for changes.

import { get } from "../lib/api.js";

const KEPT_DECISIONS = 200;

export const shop = {
  floor: null,
  now: null,
  heardAt: 0,
  lost: false,
  decisions: [],
  followed: null, // a subject
  followedBy: "page", // or "hand", once somebody chose
  chosen: null, // the seq of a decision
  chosenBy: "page",
  wallet: null, // of the followed visit
};

const listeners = new Map();

export function on(what, act) {
  if (!listeners.has(what)) listeners.set(what, []);
  listeners.get(what).push(act);
}

export function tell(what, value) {
  for (const act of listeners.get(what) ?? []) act(value);
}

export const person = (subject) => shop.now?.people.find((one) => one.subject === subject) ?? null;
export const followed = () => (shop.followed ? person(shop.followed) : null);
export const east = () => shop.now?.store.minutes_east ?? 0;
export const demo = () => shop.now?.store.demo ?? false;
export const decision = (seq) => shop.decisions.find((one) => one.seq === seq) ?? null;

export async function take(snapshot) {
  if (shop.now && snapshot.incarnation === shop.now.incarnation && snapshot.now_ms < shop.now.now_ms) return;
  if (shop.now && snapshot.incarnation !== shop.now.incarnation) shop.decisions = [];
  if (!shop.floor || shop.floor.version !== snapshot.floor_version) {
    shop.floor = await get("/api/v1/floor");
    shop.now = snapshot;
    tell("floor", shop.floor);
  }
  shop.now = snapshot;
  shop.heardAt = performance.now();
  merge(snapshot.decisions);
  settle();
  tell("now", snapshot);
}

// New decisions stand in front; those that left the message are kept, so that a row can still be opened.
function merge(fresh) {
  const newest = shop.decisions[0]?.seq ?? 0;
  const added = fresh.filter((one) => one.seq > newest);
  if (added.length) shop.decisions = [...added, ...shop.decisions].slice(0, KEPT_DECISIONS);
  shop.added = added.length;
}

// Until somebody chooses, the page follows a visit that was just given something, and reads why.
function settle() {
  if (!shop.followed || (shop.followedBy === "page" && !followed())) {
    const given = shop.decisions.find((one) => one.decision.winners.length && person(subjectOf(one)));
    const first = given ? subjectOf(given) : (shop.now.people.find((one) => one.member) ?? shop.now.people[0])?.subject;
    if (first) follow(first, "page");
  }
  if (shop.chosenBy !== "hand") {
    const own = shop.decisions.filter((one) => subjectOf(one) === shop.followed);
    const best = own.find((one) => one.decision.winners.length) ?? own[0] ?? shop.decisions[0];
    if (best && best.seq !== shop.chosen) choose(best.seq, "page");
  }
}

export function subjectOf(view) {
  const [kind, ...rest] = view.decision.key.split(":");
  if (kind === "shopper") return rest.join(":");
  if (kind !== "account") return "";
  return shop.now?.people.find((one) => one.account === rest.join(":"))?.subject ?? "";
}

export function follow(subject, by = "hand") {
  if (by === "hand") {
    shop.followedBy = "hand";
    shop.chosenBy = "page";
  }
  if (shop.followed === subject) return;
  shop.followed = subject;
  shop.wallet = null;
  if (by === "hand") {
    const own = shop.decisions.find((one) => subjectOf(one) === subject);
    if (own) choose(own.seq, "page");
  }
  tell("followed", subject);
  if (shop.now) tell("now", shop.now);
}

export function choose(seq, by = "hand") {
  shop.chosenBy = by;
  shop.chosen = seq;
  if (by === "hand" && seq !== null) {
    const subject = subjectOf(decision(seq));
    if (subject && person(subject) && subject !== shop.followed) {
      shop.followed = subject;
      shop.followedBy = "hand";
      shop.wallet = null;
      tell("followed", subject);
    }
  }
  tell("chosen", seq);
  if (shop.now) tell("now", shop.now);
}
