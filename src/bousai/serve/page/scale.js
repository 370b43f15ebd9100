// Which step of its scale a feature has, and how a step is drawn: colour, pattern, symbol, never a colour alone.

import * as api from "./api.js";
import { t } from "./words.js";

/** @typedef {import("./api.js").Layer} Layer @typedef {import("./api.js").Step} Step */

/** What has no scale, by the kind of its place. @type {Step} */
const PLAIN = {
  value: "",
  rank: 1,
  colour: "#0b5cab",
  ink: "#ffffff",
  pattern: "",
  symbol: "●",
  ja: "",
  en: "",
  easy: "",
  source: "",
};
/** A value that the scale does not have, or none: shown, and said to be that. @type {Step} */
const OTHER = {
  value: "",
  rank: 0,
  colour: "#ffffff",
  ink: "#3a3a3a",
  pattern: "dots",
  symbol: "？",
  ja: "",
  en: "",
  easy: "",
  source: "",
};

/**
 * The steps of a layer, the last of which is for values that the scale does not have.
 * @param {Layer} layer
 * @returns {Step[]}
 */
export function steps(layer) {
  if (!layer.scale || !layer.colour_by) return [PLAIN];
  return [...(api.known().scales[layer.scale] ?? []), OTHER];
}

/**
 * The number of a feature's step among `steps`.
 * @param {Layer} layer
 * @param {Record<string, any>} properties
 */
export function stepOf(layer, properties) {
  const all = steps(layer);
  if (all.length === 1 || !layer.colour_by) return 0;
  const value = properties[layer.colour_by];
  const low = layer.or_by ? properties[layer.or_by] : null;
  const found = layer.or_by
    ? ofClass(all, value, low)
    : all.findIndex((step) => value !== null && value !== undefined && step.value === String(value));
  return found < 0 ? all.length - 1 : found;
}

/**
 * The step of a class of numbers, by its upper end; by its lower end where it has no upper one.
 * @param {Step[]} all @param {number | null} high @param {number | null} low
 */
function ofClass(all, high, low) {
  if (typeof high === "number") {
    return all.findIndex((step) => step.value.startsWith("<") && high <= Number(step.value.slice(1)));
  }
  return typeof low === "number" ? all.findIndex((step) => step.value === `>=${low}`) : -1;
}

/**
 * The same as `stepOf` for vector tiles, as an expression of MapLibre.
 * @param {Layer} layer
 */
export function stepExpression(layer) {
  const all = steps(layer);
  if (all.length === 1 || !layer.colour_by) return ["literal", 0];
  const value = ["get", layer.colour_by];
  if (!layer.or_by) {
    return [
      "match",
      ["to-string", value],
      ...all.slice(0, -1).flatMap((step, at) => [step.value, at]),
      all.length - 1,
    ];
  }
  /** @type {any[]} */
  const cases = [];
  for (const [at, step] of all.slice(0, -1).entries()) {
    const end = Number(step.value.replace(/^\D+/, ""));
    const open = ["all", ["!", ["has", layer.colour_by]], ["==", ["get", layer.or_by], end]];
    const ends = ["all", ["has", layer.colour_by], ["<=", ["to-number", value, 1e9], end]];
    cases.push(step.value.startsWith("<") ? ends : open, at);
  }
  return ["case", ...cases, all.length - 1];
}

/** The words of a step. @param {Step} step @param {Layer} layer @param {(texts: any) => string} pick */
export function words(step, layer, pick) {
  if (step === OTHER) return t("step_other");
  return step === PLAIN ? pick(layer.title) : pick(step);
}

/**
 * Fill a square with the colour and pattern of a step.
 * @param {CanvasRenderingContext2D} pen
 * @param {Step} step
 * @param {number} size
 */
export function fillPattern(pen, step, size) {
  pen.fillStyle = step.colour;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = pen.fillStyle = step.ink;
  pen.globalAlpha = 0.55;
  pen.lineWidth = size / 12;
  const half = size / 2;
  if (step.pattern === "lines") stroke(pen, [[0, half, size, half]]);
  if (step.pattern === "hatch" || step.pattern === "cross") {
    stroke(pen, [
      [-half, half, half, -half],
      [0, size, size, 0],
      [half, size + half, size + half, half],
    ]);
  }
  if (step.pattern === "cross") {
    stroke(pen, [
      [-half, half, half, size + half],
      [0, 0, size, size],
      [half, -half, size + half, half],
    ]);
  }
  if (step.pattern === "dots") {
    for (const [x, y] of [
      [0.25, 0.25],
      [0.75, 0.75],
    ]) {
      pen.beginPath();
      pen.arc(x * size, y * size, size / 10, 0, 7);
      pen.fill();
    }
  }
  pen.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} pen @param {number[][]} lines */
function stroke(pen, lines) {
  pen.beginPath();
  for (const [fromX, fromY, toX, toY] of lines) {
    pen.moveTo(fromX, fromY);
    pen.lineTo(toX, toY);
  }
  pen.stroke();
}

/**
 * The sign of a step: what stands in the legend, beside a name and on the map.
 * @param {Step} step
 * @param {string} geometry  point, line, polygon or none
 * @param {number} [ratio]   pixels of the canvas for one of the page
 * @returns {HTMLCanvasElement}
 */
export function sign(step, geometry, ratio = window.devicePixelRatio || 1) {
  const canvas = document.createElement("canvas");
  const size = 22;
  canvas.width = canvas.height = size * ratio;
  canvas.style.width = canvas.style.height = `${size}px`;
  canvas.setAttribute("aria-hidden", "true");
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.scale(ratio, ratio);
  const shape = new Path2D();
  if (geometry === "point") shape.arc(size / 2, size / 2, size / 2 - 2, 0, 7);
  else shape.roundRect(1.5, 1.5, size - 3, size - 3, 4);
  pen.save();
  pen.clip(shape);
  if (geometry === "polygon") fillPattern(pen, step, size);
  else {
    pen.fillStyle = step.colour;
    pen.fillRect(0, 0, size, size);
  }
  pen.restore();
  pen.lineWidth = 2;
  pen.strokeStyle = "#ffffff";
  pen.stroke(shape);
  pen.lineWidth = 1;
  pen.strokeStyle = "#3a3a3a";
  pen.stroke(shape);
  const long = [...step.symbol].length;
  pen.font = `700 ${long > 2 ? 9 : long > 1 ? 11 : 12}px ${FONT}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  if (geometry === "polygon" && step.pattern) {
    pen.lineWidth = 3;
    pen.lineJoin = "round";
    pen.strokeStyle = step.colour;
    pen.strokeText(step.symbol, size / 2, size / 2 + 0.5);
  }
  pen.fillStyle = step.ink;
  pen.fillText(step.symbol, size / 2, size / 2 + 0.5);
  return canvas;
}

/** Fonts that the machine has. */
export const FONT =
  '"Hiragino Sans", "Noto Sans CJK JP", "Noto Sans JP", "BIZ UDPGothic", "Yu Gothic UI", Meiryo, sans-serif';
