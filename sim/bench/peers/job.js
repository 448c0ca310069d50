// The job in Node-RED's function node: nearest zone, campaigns of the zone, a wallet and a screen command.
const books = global.get("books");
const state = context.get("state") || {levels: {}, zones: {}, offers: {}, issued: {}, shown: {}, versions: {}};
if (!context.get("state")) context.set("state", state);

const nowUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
const atMs = Math.floor(nowUs / 1000);
const [, , device, scanner] = msg.topic.split("/");
const person = books.people[device];
const zone = books.scanners[scanner];
if (!person || !zone) return null;

const dbm = msg.payload.rssi + books.reference_dbm - (msg.payload["rssi@1m"] ?? -59);
const levels = (state.levels[person.subject] ??= {});
const level = levels[scanner];
if (level) {
    level.weight = level.weight * Math.exp((level.atMs - atMs) / books.window_ms) + 1;
    level.dbm += (dbm - level.dbm) / level.weight;
    level.atMs = atMs;
} else {
    levels[scanner] = {zone, dbm, atMs, weight: 1};
}
const current = state.zones[person.subject];
if (zone === current) return null;
let own = -1e9, best = -1e9, bestZone = zone;
for (const name in levels) {
    const one = levels[name];
    if (atMs - one.atMs > books.window_ms) continue;
    if (one.zone === current) own = Math.max(own, one.dbm);
    else if (one.dbm > best) { best = one.dbm; bestZone = one.zone; }
}
if (best - own < books.hysteresis_db) return null;
state.zones[person.subject] = bestZone;
if (bestZone !== zone) return null;

const rule = books.campaigns[zone].find(
    (one) => one.member === person.member && person.segments.includes(one.segment));
if (!rule) return null;
const cause = {arrived_us: nowUs, scanner, subject: person.subject};

const counted = `${person.account} ${rule.id}`;
const number = (state.issued[counted] = (state.issued[counted] || 0) + 1);
const offers = (state.offers[person.account] ??= {});
offers[rule.id] = {
    offer: `${person.subject}.${rule.id}.${number}`, campaign: rule.id, state: "issued",
    grants: [{kind: "offer", title: rule.title, sku: rule.sku, discount_minor: rule.discount_minor}],
    zone, issued_at_ms: atMs, until_ms: atMs + 12 * 3600000, say: rule.name,
};
const version = (state.versions[person.account] = (state.versions[person.account] || 0) + 1);
const wallet = {
    topic: `endcap/v1/${books.store}/phone/${person.account}/wallet`,
    payload: {
        account: person.account, name: person.name, member: true, tier: "base", version, points: 100,
        as_of_ms: atMs, offers: Object.values(offers), cause, seq: version,
    },
};

const screens = [];
for (const sign of books.signs[zone]) {
    if (state.shown[sign] === rule.creative) continue;
    state.shown[sign] = rule.creative;
    const shown = (state.versions[sign] = (state.versions[sign] || 0) + 1);
    screens.push({
        topic: `endcap/v1/${books.store}/screen/${sign}/show`,
        payload: {
            sign, version: shown, creative: rule.creative, campaign: rule.id, until_ms: atMs + 30000,
            fields: {template: "product", title: rule.creative_title, price_minor: books.prices[rule.sku]},
            cause, seq: shown,
        },
    });
}
return [screens, wallet];
