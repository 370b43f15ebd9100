// Alerts that wait for a person's approval. What is approved is the text that was shown: its SHA-256 goes with the
// decision, and where the text has changed since it was opened nothing can be decided.

import { ask, busy, chosen, forget, known, mayApprove, until } from "./board.js";
import { h } from "./dom.js";
import { causeAndRemedy, decide, flatDetail, foreign, idOf, none, opener, table, tag, when } from "./parts.js";
import { fullTime, language, length, list, pick, said, t } from "./words.js";

/** @typedef {import("./board.js").Alert} Alert @typedef {import("./board.js").Message} Message */

export function alerts() {
  const { alerts: all, undelivered } = known();
  const awaiting = all.filter((one) => one.state === "awaiting");
  const waiting = all.filter((one) => one.state !== "awaiting");
  return [
    h("h2", null, t("awaiting", { n: awaiting.length })),
    awaiting.length === 0 ? none("awaiting_none") : awaiting.map(card),
    waiting.length > 0 && [h("h2", null, t("dwelling", { n: waiting.length })), waiting.map(card)],
    h("h2", null, t("undelivered", { n: undelivered.length })),
    undelivered.length === 0
      ? none("undelivered_none")
      : table(
          t("undelivered_caption"),
          [["subscription"], ["message"], ["outcome"], ["attempts", "number"], ["cause", "wide"], ["next_try"]],
          undelivered.map((one) => ({
            key: `${one.identifier} ${one.subscription}`,
            cells: [
              one.subscription,
              h("code", null, one.identifier),
              tag(one.state, "delivery_"),
              one.attempts,
              causeAndRemedy(one.cause, one.remedy),
              one.next_at ? when(one.next_at) : t("no_next_try"),
            ],
          })),
        ),
  ];
}

/** What an alert must never be mistaken for. @param {string} status */
function mark(status) {
  return status === "actual" ? "" : status === "exercise" ? t("mark_exercise") : t("mark_test");
}

/** @param {Alert} alert */
function card(alert) {
  const id = `alert ${alert.identifier}`;
  const open = chosen.open.has(id);
  const left = until(alert.lapses_at);
  return h(
    "article",
    { key: alert.identifier, class: `alert ${alert.status}` },
    alert.status !== "actual" && h("p", { class: "drill" }, `${mark(alert.status)} ${t(`drill_${alert.status}`)}`),
    h(
      "h3",
      null,
      opener(id, pick(alert.headline_ja, alert.headline_en), idOf(id), {
        "data-alert": alert.identifier,
      }),
    ),
    h(
      "p",
      { class: "line" },
      tag(alert.severity, "cap_"),
      " ",
      said(`phase_${alert.phase}`, alert.phase),
      " · ",
      t("rule"),
      " ",
      h("code", null, alert.rule),
      " · ",
      t("municipalities_n", { n: alert.munis.length }),
      " · ",
      t("made"),
      " ",
      when(alert.sent),
    ),
    h(
      "p",
      null,
      h("b", null, t("approvals", { n: alert.approvals, of: alert.approvals_needed })),
      alert.decided_by.length > 0 && [" ", t("decided_by", { names: list(alert.decided_by) })],
      left !== null && [
        " · ",
        h("b", { class: left < 600 ? "doubtful" : null }, left < 600 ? "▲ " : "", lapse(alert, left)),
      ],
    ),
    open && h("div", { id: idOf(id), class: "opened" }, message(alert)),
  );
}

/** @param {Alert} alert @param {number} left */
function lapse(alert, left) {
  if (left <= 0) return t("lapsed");
  return t("lapses", { length: length(left), time: fullTime(alert.lapses_at) });
}

/** @param {Alert} alert */
function message(alert) {
  const address = `alerts/${encodeURIComponent(alert.identifier)}`;
  const asked = ask(address);
  if (asked.error)
    return h("div", { class: "failed" }, causeAndRemedy(asked.error.message, asked.error.remedy), again(address));
  if (!asked.answer) return h("p", { class: "soft", role: "status" }, t("loading"));
  /** @type {Message} */
  const shown = asked.answer;
  return [
    h(
      "div",
      { class: "text" },
      told(shown.cap).map((info, at) => told_info(info, at)),
    ),
    h("h4", { id: `${idOf(address)}-cap` }, t("cap_text")),
    h("pre", { class: "cap", tabindex: 0, role: "region", "aria-labelledby": `${idOf(address)}-cap` }, shown.cap),
    h("p", null, t("sha256"), " ", h("code", { class: "sha" }, shown.sha256)),
    h("p", { class: "soft" }, t("author"), " ", foreign(alert.author), " · ", h("code", null, alert.identifier)),
    decision(alert, shown, address),
    shown.decisions.length > 0 && [
      h("h4", null, t("decisions")),
      h(
        "ul",
        { class: "plain" },
        shown.decisions.map((one, at) =>
          h(
            "li",
            { key: at },
            `${said(`decision_${one.decision}`, one.decision)} — ${one.person} `,
            when(one.decided_at),
            one.reason ? `: ${one.reason}` : "",
          ),
        ),
      ),
    ],
    shown.deliveries.length > 0 && [
      h("h4", null, t("deliveries")),
      h(
        "ul",
        { class: "plain" },
        shown.deliveries.map((one, at) => h("li", { key: at }, h("code", null, flatDetail(one)))),
      ),
    ],
    h("h4", null, t("delay")),
    h(
      "dl",
      { class: "facts" },
      Object.entries(shown.stages).map(([stage, seconds]) =>
        h(
          "div",
          { key: stage },
          h("dt", null, said(`took_${stage}`, stage)),
          h("dd", null, seconds === null ? "—" : length(seconds)),
        ),
      ),
    ),
  ];
}

/** @param {string} address */
function again(address) {
  return h(
    "button",
    {
      type: "button",
      onclick: () => {
        forget(address);
        ask(address);
      },
    },
    t("read_again"),
  );
}

/** @param {Alert} alert @param {Message} shown @param {string} address */
function decision(alert, shown, address) {
  if (!mayApprove() || alert.state !== "awaiting") return null;
  if (alert.sha256 !== shown.sha256) {
    return h(
      "div",
      { class: "failed", role: "alert" },
      h("p", null, h("b", null, `▲ ${t("changed")}`)),
      again(address),
    );
  }
  if (alert.decided_by.includes(known().person.name)) return h("p", { class: "note" }, t("decided_already"));
  const key = `decision ${alert.identifier}`;
  const body = (/** @type {string} */ reason) => ({ sha256: shown.sha256, reason });
  const told = (/** @type {string} */ text) => () => {
    forget(address);
    return text;
  };
  return h(
    "div",
    { class: "judge", "aria-busy": String(busy(key)) },
    alert.approvals_needed - alert.approvals > 1 && h("p", { class: "note" }, t("two_persons")),
    decide(
      key,
      [
        {
          id: "approve",
          text: mark(alert.status) + t("approve"),
          class: "grave",
          address: `${address}/approve`,
          body,
          told: told(t("approved")),
          reason: "wanted",
          confirm: h(
            "div",
            { class: "confirm" },
            h("p", null, h("b", null, mark(alert.status) + t("approve_confirm"))),
            h("p", null, pick(alert.headline_ja, alert.headline_en)),
            h("p", null, t("sha256"), " ", h("code", { class: "sha" }, shown.sha256)),
          ),
        },
        {
          id: "reject",
          text: t("reject"),
          address: `${address}/reject`,
          body,
          told: told(t("rejected")),
          reason: "needed",
        },
      ],
      mayApprove(),
    ),
  );
}

/**
 * What a CAP message tells, of each language; nothing where it is not to be read, for its text stands below anyway.
 * @param {string} cap @returns {{lang: string, facts: [string, string][]}[]}
 */
function told(cap) {
  const read = new DOMParser().parseFromString(cap, "text/xml");
  if (read.querySelector("parsererror")) return [];
  const text = (/** @type {Element} */ one, /** @type {string} */ name) =>
    [...one.getElementsByTagNameNS("*", name)].map((found) => found.textContent ?? "").filter(Boolean);
  return [...read.getElementsByTagNameNS("*", "info")].map((info) => {
    const rated = ["severity", "urgency", "certainty"].flatMap((name) => text(info, name));
    /** @type {[string, string][]} */
    const facts = [
      ["headline", text(info, "headline").join("\n")],
      ["description", text(info, "description").join("\n")],
      ["instruction", text(info, "instruction").join("\n")],
      ["areas", list(text(info, "areaDesc"))],
      ["severity", rated.map((one) => said(`cap_${one}`, one)).join(" / ")],
      ["expires", text(info, "expires").map(fullTime).join("")],
    ];
    return { lang: text(info, "language")[0] ?? "ja", facts: facts.filter(([, value]) => value) };
  });
}

/** @param {{lang: string, facts: [string, string][]}} info @param {number} at */
function told_info(info, at) {
  const lang = info.lang.toLowerCase().startsWith("en") ? "en" : "ja";
  return h(
    "section",
    { key: at },
    h("h4", null, t(`text_${lang}`)),
    h(
      "dl",
      { class: "facts" },
      info.facts.map(([name, value]) =>
        h(
          "div",
          { key: name },
          h("dt", null, t(name)),
          h("dd", { lang: ["severity", "expires"].includes(name) || lang === language() ? null : lang }, value),
        ),
      ),
    ),
  );
}
