// Figures as they are written everywhere: money with two places, 24 h clock, durations in two units.

const SIGNS = { EUR: "€", GBP: "£", USD: "$" };
const WHOLE = new Intl.NumberFormat("en-IE");

export const count = (n) => WHOLE.format(n).replace("-", "−");

export function money(minor, currency = "EUR") {
  const whole = Math.trunc(Math.abs(minor) / 100);
  const cents = String(Math.abs(minor) % 100).padStart(2, "0");
  return `${minor < 0 ? "−" : ""}${SIGNS[currency] ?? `${currency} `}${WHOLE.format(whole)}.${cents}`;
}

export const points = (n) => `${count(n)} ${Math.abs(n) === 1 ? "point" : "points"}`;

export const ms = (us) => (us / 1000).toFixed(1);

// The store's own clock, whatever the zone of the one who looks.
export function clock(atMs, minutesEast, seconds = false) {
  return new Date(atMs + minutesEast * 60_000).toISOString().slice(11, seconds ? 19 : 16);
}

export function day(atMs, minutesEast) {
  const at = new Date(atMs + minutesEast * 60_000);
  const parts = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  return new Intl.DateTimeFormat("en-GB", parts).format(at).replace(",", "");
}

export function duration(spanMs) {
  const s = Math.max(0, Math.round(spanMs / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  const h = Math.floor(s / 3600);
  if (h < 24) return `${h} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

export function seconds(s) {
  return s < 10 ? `${s.toFixed(1)} s` : duration(s * 1000);
}

// A number stays with its unit when a name wraps: "250 g" never breaks.
export const glued = (name) => name.replace(/(\d) (g|kg|l|L|ml|cl|bags)\b/g, "$1\u00a0$2");

export const initial = (name) => (name ? name.trim()[0].toUpperCase() : "?");

// A person by consent: a name, else "member 7F2C", else "anonymous".
export function person(view) {
  if (view.name) return view.name;
  return view.member ? `member ${view.account.slice(-4).toUpperCase()}` : "anonymous";
}

export const several = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
