// What all tabs are put together from: states, times, tables, and the forms by which a person decides.

import { act, busy, chosen, feedOf, known, mayAct, redraw, toggle } from "./board.js";
import { h } from "./dom.js";
import { outside } from "./links.js";
import { ago, fullTime, language, list, pick, said, t, time } from "./words.js";

/** @typedef {import("./dom.js").Kid} Kid @typedef {import("./dom.js").Described} Described */

/** A sign for each state, so that colour is never all there is. @type {Record<string, string>} */
export const SIGNS = { dead: "✕", late: "▲", held: "◆", paused: "‖", quiet: "○", ok: "●" };

/** @param {string} state */
export function badge(state) {
  return h(
    "span",
    { class: `badge ${state}` },
    h("span", { "aria-hidden": "true" }, SIGNS[state] ?? "?"),
    ` ${said(`state_${state}`, state)}`,
  );
}

/** Any other word that tells how something is: good, bad or neither. @param {string} value @param {string} prefix */
export function tag(value, prefix) {
  const bad = ["dead", "failed", "refused", "error", "stale", "backing_off", "stopped", "Extreme"].includes(value);
  const doubtful = ["late", "warning", "held", "quarantined", "starting", "Severe"].includes(value);
  const sign = bad ? "✕ " : doubtful ? "▲ " : "";
  return h(
    "span",
    { class: bad ? "tag bad" : doubtful ? "tag doubtful" : "tag" },
    sign + said(prefix + value, value),
  );
}

/** A time in Japan with its age. @param {string | null} iso */
export function when(iso) {
  if (!iso) return h("span", { class: "soft" }, t("never"));
  return h("time", { datetime: iso, title: fullTime(iso) }, time(iso), " ", h("small", null, `(${ago(iso)})`));
}

/** Text of a feed or of the server, in the language it is in. @param {string | null | undefined} text @param {string} lang */
export function foreign(text, lang = "en") {
  return h("span", { lang: lang === language() ? null : lang }, text ?? "");
}

/** A feed by its title and id. @param {string} id */
export function feedName(id) {
  const feed = feedOf(id);
  return [feed && [pick(feed.title_ja, feed.title_en), " "], h("code", null, id)];
}

/** @param {string} id */
export function layerNamed(id) {
  const layer = known().layers.find((one) => one.layer === id);
  return layer ? pick(layer.title_ja, layer.title_en) : id;
}

/** Layers as one line of text. @param {string[]} ids */
export function layerText(ids) {
  return list(ids.map(layerNamed));
}

/** @param {string} id */
export function layerLink(id) {
  const layer = known().layers.find((one) => one.layer === id);
  return layer ? outside(layer.url, pick(layer.title_ja, layer.title_en), { class: "button" }) : null;
}

/** Cause and what helps, as the server says them. @param {string | null} cause @param {string | null} remedy */
export function causeAndRemedy(cause, remedy) {
  return [
    cause ? h("p", { class: "cause" }, foreign(cause)) : null,
    remedy ? h("p", { class: "remedy" }, h("b", null, t("remedy")), " ", foreign(remedy)) : null,
  ];
}

/**
 * A table with caption and scopes. On a narrow page its rows become cards (see the style), which would take away what
 * it is; therefore the roles are said. The first cell of a row is its heading.
 * @param {string} caption @param {[string, string?][]} columns the words' keys, each with a class
 * @param {{key: string, cells: Kid[], more?: Kid, class?: string}[]} rows @param {string} [name] a class
 */
export function table(caption, columns, rows, name = "") {
  const head = h(
    "tr",
    { role: "row" },
    columns.map(([key, css]) => h("th", { scope: "col", role: "columnheader", class: css }, t(key))),
  );
  const body = rows.flatMap((row) => [
    h(
      "tr",
      { key: row.key, role: "row", class: row.class },
      row.cells.map((cell, at) => {
        const [key, css] = columns[at];
        if (at === 0) return h("th", { scope: "row", role: "rowheader", class: css }, cell);
        return h("td", { role: "cell", class: css, "data-label": t(key) }, cell);
      }),
    ),
    row.more
      ? h(
          "tr",
          { key: `${row.key} more`, role: "row", class: "more" },
          h("td", { role: "cell", colspan: columns.length }, row.more),
        )
      : null,
  ]);
  return h(
    "table",
    { role: "table", class: `cards ${name}` },
    h("caption", null, caption),
    h("thead", { role: "rowgroup" }, head),
    h("tbody", { role: "rowgroup" }, body),
  );
}

/** A button that opens and closes what is of `id`. @param {string} id @param {Kid} text @param {string} controls */
export function opener(id, text, controls, more = {}) {
  const open = chosen.open.has(id);
  return h(
    "button",
    {
      type: "button",
      class: "opener",
      "aria-expanded": String(open),
      "aria-controls": open ? controls : null,
      onclick: () => toggle(id),
      ...more,
    },
    h("span", { class: "caret", "aria-hidden": "true" }, open ? "▾" : "▸"),
    h("span", null, text),
  );
}

/** An id for an element, of anything that a feed may be called. @param {string} text */
export function idOf(text) {
  let hash = 5381;
  for (let at = 0; at < text.length; at++) hash = ((hash << 5) + hash + text.charCodeAt(at)) | 0;
  return `x${(hash >>> 0).toString(36)}`;
}

/** What is asked for when it is wanted, or that it comes, or why it does not.
 * @param {{answer: any, error: import("./board.js").Refused | null, loading: boolean}} asked
 * @param {(answer: any) => Kid} shown
 */
export function answered(asked, shown) {
  return [
    asked.error && h("div", { class: "failed" }, h("p", null, `${t("not_loaded")} ${asked.error.message}`)),
    asked.answer ? shown(asked.answer) : asked.loading && h("p", { class: "soft", role: "status" }, t("loading")),
  ];
}

/**
 * @typedef {{id: string, text: string, address: string, body: (reason: string) => Record<string, unknown>,
 *   told: (answer: any) => string, reason?: "wanted" | "needed", confirm?: Kid, class?: string}} Choice
 */

/**
 * Buttons to decide something: one at a time, with a question or a reason where there is one to be given. Nothing for
 * who may not act.
 * @param {string} key what is decided @param {Choice[]} choices @param {boolean} [may]
 */
export function decide(key, choices, may = mayAct()) {
  if (!may) return null;
  const asked = choices.find((one) => chosen.open.has(`${key} ${one.id}`));
  const wait = busy(key);
  if (asked) return form(key, asked, wait);
  return h(
    "div",
    { key: `${key} choices`, class: "choices" },
    choices.map((one) =>
      h(
        "button",
        {
          key: one.id,
          type: "button",
          class: one.class,
          disabled: wait,
          onclick: () => {
            if (!one.reason && !one.confirm) send(key, one, "");
            else toggle(`${key} ${one.id}`);
            // Where a reason is wanted, that is where one writes next.
            const first = document.querySelector(`#${idOf(key)} input, #${idOf(key)} button`);
            if (first instanceof HTMLElement) first.focus();
          },
        },
        one.text,
      ),
    ),
  );
}

/** @param {string} key @param {Choice} choice @param {boolean} wait */
function form(key, choice, wait) {
  const id = idOf(key);
  return h(
    "form",
    {
      key: `${key} ${choice.id}`,
      id,
      class: "decide",
      onsubmit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const reason = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get("reason");
        send(key, choice, String(reason ?? "").trim());
      },
    },
    choice.confirm,
    choice.reason && [
      h("label", { for: `${id}-reason` }, t(choice.reason === "needed" ? "reason_needed" : "reason")),
      h("input", {
        id: `${id}-reason`,
        name: "reason",
        required: choice.reason === "needed",
        pattern: choice.reason === "needed" ? ".*\\S.*" : null,
        maxlength: 1000,
        autocomplete: "off",
      }),
    ],
    h(
      "div",
      { class: "choices" },
      h("button", { type: "submit", disabled: wait, class: choice.class }, choice.text),
      h("button", { type: "button", onclick: () => toggle(`${key} ${choice.id}`) }, t("cancel")),
    ),
  );
}

/** @param {string} key @param {Choice} choice @param {string} reason */
async function send(key, choice, reason) {
  const done = await act(choice.address, choice.body(reason), choice.told, key);
  if (done) chosen.open.delete(`${key} ${choice.id}`);
  redraw();
}

/** That there is nothing of a kind. @param {string} key */
export function none(key) {
  return h("p", { class: "none" }, t(key));
}

/** Values of any shape as one line. @param {Record<string, any> | null | undefined} detail */
export function flatDetail(detail) {
  return Object.entries(detail ?? {})
    .map(([name, value]) => `${name}=${value !== null && typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" ");
}
