// Documents that wait for a person, and the issues that were raised over documents.

import { known } from "./board.js";
import { h } from "./dom.js";
import { download } from "./links.js";
import { causeAndRemedy, decide, feedName, foreign, layerText, none, table, tag, when } from "./parts.js";
import { number, said, size, t } from "./words.js";

/** @param {any} answer */
function outcome(answer) {
  const told = t("retried", { outcome: said(`outcome_${answer.outcome}`, String(answer.outcome)) });
  return answer.cause ? `${told} ${answer.cause}` : told;
}

export function quarantine() {
  const those = known().quarantine;
  if (those.length === 0) return none("quarantine_none");
  return table(
    t("quarantine_caption"),
    [["document"], ["outcome"], ["cause", "wide"], ["stale_by_it"], ["fetched"], ["decision", "decision"]],
    those.map((one) => ({
      key: one.sha256,
      cells: [
        [
          h("b", { class: "name" }, one.name || one.sha256.slice(0, 12)),
          h("small", null, feedName(one.feed), " ", size(one.size)),
          h("p", null, download(one.sha256, t("raw_document"))),
        ],
        tag(one.outcome, "outcome_"),
        causeAndRemedy(one.cause, one.remedy),
        layerText(one.stale) || "—",
        when(one.fetched_at),
        decide(`document ${one.sha256}`, choices(one)) ?? h("span", { class: "soft" }, "—"),
      ],
    })),
    "decisions",
  );
}

/** @param {import("./board.js").Waiting} one @returns {import("./parts.js").Choice[]} */
function choices(one) {
  const address = `quarantine/${encodeURIComponent(one.sha256)}`;
  /** @type {import("./parts.js").Choice[]} */
  const found = [
    {
      id: "retry",
      text: t("retry"),
      address: `${address}/retry`,
      body: () => ({ accept: false }),
      told: outcome,
    },
  ];
  if (one.outcome === "held") {
    found.push({
      id: "accept",
      text: t("retry_accept"),
      class: "grave",
      address: `${address}/retry`,
      body: () => ({ accept: true }),
      told: outcome,
      confirm: h(
        "div",
        { class: "confirm" },
        h("p", null, h("b", null, t("accept_confirm"))),
        h("p", { class: "cause" }, foreign(one.cause)),
      ),
    });
  }
  found.push({
    id: "dismiss",
    text: t("dismiss"),
    address: `${address}/dismiss`,
    body: (reason) => ({ reason }),
    told: () => t("dismissed"),
    reason: "needed",
  });
  return found;
}

export function issues() {
  const { issues: those, issue_count: all } = known();
  if (those.length === 0) return none("issues_none");
  return [
    all > those.length && h("p", { class: "soft" }, t("issues_more", { n: those.length, of: number(all) })),
    table(
      t("issues_caption"),
      [["issue"], ["severity"], ["cause", "wide"], ["document"], ["stale_by_it"], ["raised"]],
      those.map((one) => ({
        key: String(one.id),
        cells: [
          [h("code", null, one.code), h("small", null, feedName(one.feed))],
          tag(one.severity, "severity_"),
          causeAndRemedy(one.cause, one.remedy),
          [
            one.sha256 ? download(one.sha256, one.name || one.sha256.slice(0, 12)) : foreign(one.name),
            one.position ? h("small", null, one.position) : null,
          ],
          layerText(one.stale) || "—",
          [when(one.raised_at), h("small", null, t("seen_last"), " ", when(one.seen_at))],
        ],
      })),
    ),
  ];
}
