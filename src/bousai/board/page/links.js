// Links that lead out of the board. Airflow shows the board in an iframe whose sandbox allows neither popups nor
// navigation of the page around it; but that page is of our own origin, so a link that is clicked there does work.

import { known } from "./board.js";
import { h } from "./dom.js";
import { t } from "./words.js";

/** @typedef {import("./dom.js").Kid} Kid */

/** An address that a feed or a source told us may be anything: only the web is followed. @param {string} address */
function web(address) {
  try {
    const found = new URL(address, document.baseURI);
    return found.protocol === "http:" || found.protocol === "https:" ? found.href : null;
  } catch {
    return null;
  }
}

/** @param {MouseEvent} event @param {string} address @param {boolean} apart in a window of its own */
function follow(event, address, apart) {
  if (window.parent === window || event.defaultPrevented) return; // not in an iframe: the browser does it
  let around;
  try {
    around = window.parent.document;
  } catch {
    return; // of another origin: then the browser may try
  }
  event.preventDefault();
  const link = around.createElement("a");
  link.href = address;
  link.rel = "noopener";
  if (apart || event.ctrlKey || event.metaKey || event.shiftKey) link.target = "_blank";
  link.hidden = true;
  around.body.append(link);
  link.click();
  link.remove();
}

/** @param {string} address @param {Kid} text @param {boolean} apart @param {Record<string, any>} more */
function link(address, text, apart, more) {
  const href = web(address);
  if (href === null) return h("span", more, text);
  const onclick = (/** @type {MouseEvent} */ event) => follow(event, href, apart);
  // At the top the same address opens as an ordinary link would.
  return h("a", { href, rel: "noopener", target: apart ? "_blank" : null, onclick, ...more }, text);
}

/** A page of Airflow, in place of the board. @param {string} path @param {Kid} text */
export function airflow(path, text, more = {}) {
  return link(known().airflow + path, text, false, more);
}

/** A page outside, in a window of its own. @param {string} address @param {Kid} text */
export function outside(address, text, more = {}) {
  return link(address, [text, h("span", { class: "unseen" }, t("new_window"))], true, more);
}

/** Where to log in again: known before anything else is. @param {string} text @param {string | undefined} prefix */
export function login(text, prefix) {
  const next = encodeURIComponent(window.parent === window ? location.href : around());
  return link(`${prefix ?? "../"}api/v2/auth/login?next=${next}`, text, false, { class: "button" });
}

/** The address of the page around the board. */
function around() {
  try {
    return window.parent.location.href;
  } catch {
    return location.href;
  }
}

/** Bytes as they came; the sandbox allows downloads. @param {string} sha256 @param {Kid} text */
export function download(sha256, text, more = {}) {
  return h("a", { href: `documents/${encodeURIComponent(sha256)}`, download: "", ...more }, text);
}
