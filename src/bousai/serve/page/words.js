// The words of the page in Japanese, English and やさしい日本語, and how times and ages are said. Times are Japan's.

import * as api from "./api.js";
import * as state from "./state.js";

/** @type {Record<string, {ja: string, en: string, easy?: string}>} */
let words = {};

/** Fetch the words; to be awaited once before `t`. */
export async function load() {
  words = await api.words();
}

/**
 * The words of a key in the language of the state; `{name}` in them is replaced by `values.name`.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = words[key] ? pick(words[key]) : key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** Whether there are words for a key. @param {string} key */
export function has(key) {
  return key in words;
}

/**
 * The one of several languages that the state asks for.
 * @param {{ja: string, en?: string | null, easy?: string | null}} texts
 */
export function pick(texts) {
  const { lang } = state.get();
  if (lang === "en") return texts.en || texts.ja;
  return lang === "easy" ? texts.easy || texts.ja : texts.ja;
}

/** Put the words into everything below `root` that has `data-t`. @param {ParentNode} root */
export function fill(root) {
  for (const one of root.querySelectorAll("[data-t]")) {
    one.textContent = t(/** @type {HTMLElement} */ (one).dataset.t ?? "");
  }
}

/** The language as HTML names it. */
export function htmlLang() {
  return state.get().lang === "en" ? "en" : "ja";
}

/** @param {number} value */
export function number(value) {
  return new Intl.NumberFormat(htmlLang(), { maximumFractionDigits: 6 }).format(value);
}

/**
 * A time as people read it, in Japan's time: "2026-11-26 05:39".
 * @param {string} iso
 */
export function time(iso) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const parts = new Intl.DateTimeFormat("ja-JP", {
    timeZone: "Asia/Tokyo",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(at);
  const of = Object.fromEntries(parts.map((part) => [part.type, part.value]));
  return `${of.year}-${of.month}-${of.day} ${of.hour}:${of.minute}`;
}

/**
 * How long ago a time was, by the server's clock; what lies ahead is said as such.
 * @param {string | null} iso
 */
export function ago(iso) {
  if (!iso) return t("age_unknown");
  const minutes = Math.floor((api.now() - Date.parse(iso)) / 60000);
  if (Number.isNaN(minutes)) return t("age_unknown");
  if (minutes < -1) return t("age_ahead");
  if (minutes < 1) return t("age_now");
  if (minutes < 120) return t("age_minutes", { n: minutes });
  if (minutes < 2880) return t("age_hours", { n: Math.floor(minutes / 60) });
  return t("age_days", { n: Math.floor(minutes / 1440) });
}

/** A `<time>` with the time and its age. @param {string} iso */
export function timeElement(iso) {
  const element = document.createElement("time");
  element.dateTime = iso;
  element.textContent = `${time(iso)}（${ago(iso)}）`;
  if (state.get().lang === "en") element.textContent = `${time(iso)} JST (${ago(iso)})`;
  return element;
}
