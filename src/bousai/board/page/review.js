// Shelters of two sources that may be one place: side by side, what differs marked, for a person to say.

import { ask, forget } from "./board.js";
import { h } from "./dom.js";
import { answered, decide, idOf, none } from "./parts.js";
import { fullTime, number, t } from "./words.js";

/** @typedef {import("./board.js").Candidate} Candidate @typedef {import("./board.js").Shelter} Shelter */

/** @type {(keyof Shelter)[]} */
const FIELDS = ["name", "address", "muni_code", "source", "since", "until", "place_id", "key"];
/** These always differ, as they say where an entry comes from. @type {(keyof Shelter)[]} */
const OWN = ["source", "key", "place_id", "since", "until"];
const PATIENCE_MS = 60_000;

export function review() {
  const asked = ask("review", "", PATIENCE_MS);
  return [
    h(
      "div",
      { class: "tools" },
      h("p", { class: "soft" }, t("review_about")),
      h(
        "button",
        {
          type: "button",
          disabled: asked.loading,
          onclick: () => {
            forget("review");
            ask("review", "", PATIENCE_MS);
          },
        },
        t("read_again"),
      ),
    ),
    answered(asked, (answer) => {
      /** @type {Candidate[]} */
      const those = answer.candidates ?? [];
      return those.length === 0
        ? none("review_none")
        : [h("p", { role: "status" }, t("review_n", { n: those.length })), those.map((one) => pair(one, those))];
    }),
  ];
}

/** @param {Candidate} one @param {Candidate[]} all */
function pair(one, all) {
  const key = `${one.left.key} ${one.right.key}`;
  const body = (/** @type {"same" | "different"} */ verdict) => (/** @type {string} */ reason) => ({
    left: one.left.key,
    right: one.right.key,
    verdict,
    reason,
  });
  const decided = () => {
    all.splice(all.indexOf(one), 1); // the rest is still to be decided: nobody waits for the list to be made again
    return t("decided");
  };
  return h(
    "article",
    { key, class: "pair" },
    h("h3", { id: idOf(key) }, one.left.name, h("span", { class: "soft" }, ` ${t("versus")} `), one.right.name),
    h(
      "p",
      { class: "line" },
      t("score", { score: number(one.score) }),
      " · ",
      one.distance_m === null ? t("distance_unknown") : t("distance", { n: number(Math.round(one.distance_m)) }),
    ),
    one.reasons.length > 0 &&
      h(
        "ul",
        { class: "reasons", lang: "en" },
        one.reasons.map((reason, at) => h("li", { key: at }, reason)),
      ),
    h(
      "table",
      { class: "compare" },
      h("caption", { class: "unseen" }, t("compare_caption")),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("td", null),
          h("th", { scope: "col" }, t("entry_left")),
          h("th", { scope: "col" }, t("entry_right")),
        ),
      ),
      h(
        "tbody",
        null,
        FIELDS.map((field) => compared(field, one)),
      ),
    ),
    decide(`review ${key}`, [
      {
        id: "same",
        text: t("same"),
        address: "review/decide",
        body: body("same"),
        told: decided,
        reason: "needed",
      },
      {
        id: "different",
        text: t("different"),
        address: "review/decide",
        body: body("different"),
        told: decided,
        reason: "needed",
      },
    ]),
  );
}

/** @param {keyof Shelter} field @param {Candidate} one */
function compared(field, one) {
  const dated = field === "since" || field === "until";
  const [left, right] = [one.left, one.right].map((each) =>
    dated && each[field] ? fullTime(each[field]) : each[field],
  );
  if (!left && !right) return null;
  const differs = left !== right && !OWN.includes(field);
  const cell = (/** @type {string | null} */ value, /** @type {string | null} */ other) =>
    h("td", { class: differs ? "differs" : null }, differs ? marked(value ?? "—", other ?? "") : (value ?? "—"));
  return h(
    "tr",
    { key: field },
    h("th", { scope: "row" }, t(`shelter_${field}`), differs && h("span", { class: "sign" }, ` ≠ ${t("differs")}`)),
    cell(left, right),
    cell(right, left),
  );
}

/** What of a text the other lacks: between what both begin and what both end with. @param {string} text @param {string} other */
function marked(text, other) {
  const one = [...text];
  const two = [...other];
  let from = 0;
  while (from < Math.min(one.length, two.length) && one[from] === two[from]) from++;
  let end = 0;
  while (end < Math.min(one.length, two.length) - from && one.at(-1 - end) === two.at(-1 - end)) end++;
  const middle = one.slice(from, one.length - end).join("");
  return [
    one.slice(0, from).join(""),
    middle && h("mark", null, middle),
    end > 0 && one.slice(one.length - end).join(""),
  ];
}
