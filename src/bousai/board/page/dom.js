// The page as a description that is drawn again and again: what stays the same keeps its element, and with it focus,
// scroll position and whatever a person has typed. Text is only ever text: there is no way here to hand over markup.

/**
 * @typedef {{tag: string, props: Record<string, any>, kids: any[]}} Described
 * @typedef {Described | string | number | null | undefined | false | any[]} Kid
 */

const SVG = "http://www.w3.org/2000/svg";

/** What each element was drawn from. @type {WeakMap<Node, Described>} */
const drawn = new WeakMap();

/**
 * Describe an element. `key` tells it from its siblings, `on…` are its listeners, `style` goes through CSSOM (the
 * policy of the page allows no style attribute); what a person changes (value, checked) is set once, never again.
 * @param {string} tag @param {Record<string, any> | null} [props] @param {Kid[]} kids
 * @returns {Described}
 */
export function h(tag, props, ...kids) {
  return { tag, props: props ?? {}, kids };
}

/** Make what is below `place` what is described. @param {Element} place @param {Kid[]} kids */
export function draw(place, ...kids) {
  const focused = document.activeElement;
  below(place, kids, place.namespaceURI === SVG);
  if (!focused || focused === document.activeElement || focused === document.body) return;
  // It was moved, which takes the focus away; or it is gone, and then the place it was in is where a person is.
  const next = focused.isConnected ? focused : place;
  if (next instanceof HTMLElement) next.focus({ preventScroll: true });
}

/** @param {Kid[]} kids @param {(Described | string)[]} [into] */
function flat(kids, into = []) {
  for (const kid of kids) {
    if (Array.isArray(kid)) flat(kid, into);
    else if (typeof kid === "number") into.push(String(kid));
    else if (kid) into.push(kid);
  }
  return into;
}

/** @param {Element} parent @param {Kid[]} kids @param {boolean} svg */
function below(parent, kids, svg) {
  /** @type {Map<string, ChildNode>} */
  const keyed = new Map();
  /** @type {ChildNode[]} */
  const free = [];
  for (const node of parent.childNodes) {
    const key = drawn.get(node)?.props.key;
    if (key === undefined) free.push(node);
    else keyed.set(String(key), node);
  }
  let from = 0;
  /** @type {[ChildNode | undefined, Described | string][]} */
  const pairs = flat(kids).map((kid) => {
    if (typeof kid !== "string" && kid.props.key !== undefined) {
      const node = keyed.get(String(kid.props.key));
      return [node && drawn.get(node)?.tag === kid.tag ? node : undefined, kid];
    }
    const at = free.findIndex((node, index) => index >= from && alike(node, kid));
    if (at < 0) return [undefined, kid];
    from = at + 1;
    return [free[at], kid];
  });
  const kept = new Set(pairs.map(([node]) => node));
  for (const node of [...parent.childNodes]) if (!kept.has(node)) node.remove();
  let next = parent.firstChild;
  for (const [old, kid] of pairs) {
    const node = old ?? make(kid, svg);
    if (old) renew(old, kid, svg);
    if (node === next) next = node.nextSibling;
    else parent.insertBefore(node, next);
  }
}

/** @param {Node} node @param {Described | string} kid */
function alike(node, kid) {
  return typeof kid === "string" ? node.nodeType === Node.TEXT_NODE : drawn.get(node)?.tag === kid.tag;
}

/** @param {Described | string} kid @param {boolean} svg @returns {ChildNode} */
function make(kid, svg) {
  if (typeof kid === "string") return document.createTextNode(kid);
  const within = svg || kid.tag === "svg";
  const node = within ? document.createElementNS(SVG, kid.tag) : document.createElement(kid.tag);
  dress(node, {}, kid.props);
  for (const name of ["value", "checked"]) if (name in kid.props) /** @type {any} */ (node)[name] = kid.props[name];
  drawn.set(node, kid);
  below(node, kid.kids, within);
  return node;
}

/** @param {ChildNode} node @param {Described | string} kid @param {boolean} svg */
function renew(node, kid, svg) {
  if (typeof kid === "string") {
    if (node.nodeValue !== kid) node.nodeValue = kid;
    return;
  }
  dress(/** @type {Element} */ (node), drawn.get(node)?.props ?? {}, kid.props);
  drawn.set(node, kid);
  below(/** @type {Element} */ (node), kid.kids, svg || kid.tag === "svg");
}

/** @param {Element} node @param {Record<string, any>} before @param {Record<string, any>} now */
function dress(node, before, now) {
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const value = now[name];
    if (name === "key" || name === "value" || name === "checked") continue;
    if (name.startsWith("on")) /** @type {any} */ (node)[name] = value ?? null;
    else if (name === "style") Object.assign(/** @type {HTMLElement} */ (node).style, value ?? {});
    else if (value === before[name]) continue;
    else if (value === undefined || value === null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
}
