// The words of the page in Japanese and English, and how times, ages and lengths are said. Times are Japan's.

/** @typedef {"ja" | "en"} Lang */

const KEPT = "bousai-board-lang";

/** @type {Record<string, {ja: string, en: string}>} */
let words = {};
/** @type {Lang} */
let lang = "ja";
/** How far the server's clock is ahead of this one. */
let ahead = 0;

/** Fetch the words and choose the language; to be awaited once before `t`. */
export async function load() {
  lang = remembered() ?? (navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en");
  const answer = await fetch(new URL("words.json", import.meta.url));
  words = await answer.json();
}

/** @returns {Lang | null} */
function remembered() {
  try {
    const found = localStorage.getItem(KEPT);
    return found === "ja" || found === "en" ? found : null;
  } catch {
    return null; // a browser may forbid it
  }
}

export function language() {
  return lang;
}

/** @param {Lang} next */
export function speak(next) {
  lang = next;
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // Then it is not remembered, and nothing else is lost.
  }
}

/**
 * The words of a key; `{name}` in them is replaced by `values.name`.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = words[key] ? words[key][lang] : key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** The words of a key where there are any, else what the server said. @param {string} key @param {string} other */
export function said(key, other) {
  return key in words ? t(key) : other;
}

/** @param {string} ja @param {string} en */
export function pick(ja, en) {
  return lang === "en" ? en || ja : ja || en;
}

/** How many of something: English says one thing differently. @param {string} key @param {number} n */
export function many(key, n) {
  return t(lang === "en" && n === 1 && `${key}_one` in words ? `${key}_one` : key, { n });
}

/** @param {string[]} items */
export function list(items) {
  return items.join(t("comma"));
}

/** Take the server's clock for ages. @param {string} iso */
export function setClock(iso) {
  ahead = Date.parse(iso) - Date.now();
}

/** Now by the server's clock. */
export function now() {
  return Date.now() + ahead;
}

const CLOCK = new Intl.DateTimeFormat("ja-JP", {
  timeZone: "Asia/Tokyo",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** @param {number} at */
function parts(at) {
  return Object.fromEntries(CLOCK.formatToParts(at).map((part) => [part.type, part.value]));
}

/** A time in Japan: "14:05" today, else "11-26 05:39", else with its year. @param {string | null} iso */
export function time(iso) {
  const at = iso ? Date.parse(iso) : Number.NaN;
  if (!iso || Number.isNaN(at)) return iso ?? t("unknown");
  const of = parts(at);
  const today = parts(now());
  const clock = `${of.hour}:${of.minute}`;
  if (of.year !== today.year) return `${of.year}-${of.month}-${of.day} ${clock}`;
  return of.month === today.month && of.day === today.day ? clock : `${of.month}-${of.day} ${clock}`;
}

/** The whole time, with seconds and zone. @param {string | null} iso */
export function fullTime(iso) {
  const at = iso ? Date.parse(iso) : Number.NaN;
  if (!iso || Number.isNaN(at)) return iso ?? t("unknown");
  const of = parts(at);
  return `${of.year}-${of.month}-${of.day} ${of.hour}:${of.minute}:${of.second} JST`;
}

/** How long ago it was, in seconds; null where it is not known. @param {string | null} iso */
export function ageOf(iso) {
  const at = iso ? Date.parse(iso) : Number.NaN;
  return Number.isNaN(at) ? null : (now() - at) / 1000;
}

/** A length of time as people say it. @param {number} seconds */
export function length(seconds) {
  const size = Math.abs(seconds);
  if (size < 1) return t("len_seconds", { n: size === 0 ? 0 : size.toFixed(1) });
  if (size < 90) return t("len_seconds", { n: Math.round(size) });
  if (size < 5400) return t("len_minutes", { n: tenth(size / 60) });
  if (size < 172800) return t("len_hours", { n: tenth(size / 3600) });
  return t("len_days", { n: Math.floor(size / 86400) });
}

/** @param {number} value */
function tenth(value) {
  return value < 10 ? Number(value.toFixed(1)) : Math.round(value);
}

/** "3 minutes ago", "in 20 s", or that it is not known. @param {string | null} iso */
export function ago(iso) {
  const age = ageOf(iso);
  if (age === null) return t("never");
  if (age < -1) return t("ahead", { length: whole(-age) });
  return age < 1 ? t("just_now") : t("ago", { length: whole(age) });
}

/** An age needs no tenths. @param {number} seconds */
function whole(seconds) {
  if (seconds < 90) return t("len_seconds", { n: Math.floor(seconds) });
  if (seconds < 5400) return t("len_minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 172800) return t("len_hours", { n: Math.floor(seconds / 3600) });
  return t("len_days", { n: Math.floor(seconds / 86400) });
}

/** @param {number} value */
export function number(value) {
  return new Intl.NumberFormat(lang, { maximumFractionDigits: 3 }).format(value);
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${number(Math.round(bytes / 100) / 10)} kB` : `${number(Math.round(bytes / 1e5) / 10)} MB`;
}
