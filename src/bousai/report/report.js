// Tables that can be sorted and narrowed. The page is whole without this: whatever is a control is made here.

const SORTED_FROM = 8;
const NARROWED_FROM = 20;

/** @type {Map<HTMLTableElement, () => void>} How to show all rows of a table again. */
const undo = new Map();

/**
 * What a cell says, without the numbers of its sources, and what it said before it was corrected.
 * @param {Element} cell
 */
function words(cell) {
  let now = "";
  let before = "";
  for (const part of cell.childNodes) {
    const tag = part.nodeName;
    if (tag === "DEL") before += part.lastChild?.textContent ?? "";
    else if (tag !== "SUP") now += tag === "BR" ? "\n" : part.textContent;
  }
  return { now: now.trim().normalize("NFKC"), before: before.normalize("NFKC") };
}

/** What a cell is sorted by: where all of it was withdrawn, what it said. @param {Element} cell */
function value(cell) {
  const { now, before } = words(cell);
  return now || before;
}

// 7/29 has no year: it is the first such day from a month before the incident on.
const [beganYear, beganMonth] = (
  /(\d{4})-(\d\d)-\d\d/.exec(document.querySelector("header dl")?.textContent ?? "") ?? []
)
  .slice(1)
  .map(Number);

/** Minutes, or NaN where no time is told. @param {string} text */
function moment(text) {
  const found =
    /^\D{0,8}?(\d{4})-(\d\d?)-(\d\d?)(?: (\d\d?):(\d\d))?/.exec(text) ??
    /^\D{0,8}?()(\d\d?)\/(\d\d?) (\d\d?):(\d\d)/.exec(text);
  if (!found) return Number.NaN;
  const [year, month, day, hour, minute] = found.slice(1).map((part) => Number(part ?? 0));
  const guessed = (beganYear ?? 2000) + (month < (beganMonth ?? 1) - 1 ? 1 : 0);
  return Date.UTC(year || guessed, month - 1, day, hour, minute) / 60000;
}

/**
 * A number or a length of time (in minutes), or NaN. Of 12→15 it is the 15, which holds; ▼ says only that it fell.
 * @param {string} text
 * @param {boolean} loose whether more may follow than a unit: so in a column of numbers
 */
function amount(text, loose) {
  const bare = text
    .replace(/\(.*?\)/gs, "")
    .replace(/[−–]/g, "-")
    .replace(/(\d),(?=\d{3})/g, "$1");
  const last = (bare.split("→").at(-1) ?? "").trim().replace(/^(?:約|最大|震度|レベル|第|▼)+/, "");
  const span = /^([+-]?)(?=\d+(?:日|時間|分|秒))(?:(\d+)日)?(?:(\d+)時間)?(?:(\d+)分)?(?:(\d+)秒)?/.exec(last);
  if (span) {
    const [days, hours, minutes, seconds] = span.slice(2).map((part) => Number(part ?? 0));
    return (span[1] === "-" ? -1 : 1) * ((days * 24 + hours) * 60 + minutes + seconds / 60);
  }
  const found = /^([+-]?\d+(?:\.\d+)?)(強?)(.*)$/s.exec(last);
  if (!found || !(loose || /^\D{0,4}$/.test(found[3]))) return Number.NaN;
  return Number(found[1]) + (found[2] ? 0.5 : 0);
}

/**
 * What the rows are sorted by in a column: NaN stands at the end in either direction. Words become their rank.
 * @param {HTMLTableRowElement[]} rows
 * @param {number} column
 */
function keys(rows, column) {
  const texts = rows.map((row) => value(row.cells[column]));
  const told = texts.filter((text) => /[^\s-]/.test(text)).length;
  const times = texts.map(moment);
  if (times.filter(Number.isFinite).length * 2 > told) return times;
  const loose = rows[0].cells[column].classList.contains("number");
  const amounts = texts.map((text) => amount(text, loose));
  const counted = amounts.filter(Number.isFinite).length;
  if (loose ? counted > 0 : counted * 2 > told) return amounts;
  const order = new Intl.Collator("ja", { numeric: true });
  const ranks = new Map([...new Set(texts)].sort(order.compare).map((text, rank) => [text, rank]));
  return texts.map((text) => (/[^\s-]/.test(text) ? (ranks.get(text) ?? 0) : Number.NaN));
}

/** @param {HTMLTableElement} table @param {HTMLTableRowElement[]} rows in the order of the report */
function sortable(table, rows) {
  const told = document.createElement("p");
  told.className = "unseen";
  told.setAttribute("role", "status");
  table.parentElement?.before(told);
  const heads = [...(table.tHead?.rows[0].cells ?? [])];
  /** @type {Map<number, number[]>} */
  const known = new Map();
  heads.forEach((head, column) => {
    const title = head.textContent ?? "";
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      for (const one of heads) one.removeAttribute("aria-sort");
      const sign = now === "ascending" ? -1 : 1;
      let order = rows;
      if (now === "descending") {
        told.textContent = "元の順に戻した";
      } else {
        head.setAttribute("aria-sort", now === "ascending" ? "descending" : "ascending");
        told.textContent = `「${title}」の${now === "ascending" ? "降順" : "昇順"}に並べた`;
        const by = known.get(column) ?? keys(rows, column);
        known.set(column, by);
        order = rows
          .map((_, n) => n)
          .sort((a, b) => +Number.isNaN(by[a]) - +Number.isNaN(by[b]) || sign * (by[a] - by[b]) || a - b)
          .map((n) => rows[n]);
      }
      const sorted = document.createDocumentFragment();
      for (const row of order) sorted.append(row);
      table.tBodies[0].append(sorted);
    });
  });
}

/** 熊本県上益城郡山都町 and 山都町 are one place. @param {string} name */
function short(name) {
  return name
    .trim()
    .replace(/^(?:北海道|東京都|京都府|大阪府|.{2,3}県)(?=.)/, "")
    .replace(/^.{1,4}郡(?=.+[町村]$)/, "");
}

/**
 * A list of what stands in a column, most frequent first.
 * @param {string} title
 * @param {string[][]} names of each row
 */
function choices(title, names) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const name of names.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const list = document.createElement("select");
  list.append(new Option("すべて", ""));
  for (const [name, count] of [...counts].sort((a, b) => b[1] - a[1]))
    list.append(new Option(`${name}（${count}）`, name));
  return { title, list, names };
}

/** @param {string} title @param {Element} control */
function labelled(title, control) {
  const label = document.createElement("label");
  label.append(`${title} `, control);
  return label;
}

/** @param {HTMLTableElement} table @param {HTMLTableRowElement[]} rows */
function narrowable(table, rows) {
  const bar = document.createElement("div");
  const box = document.createElement("input");
  const all = document.createElement("button");
  const told = document.createElement("p");
  bar.className = "filter";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", `${table.caption?.textContent}を絞る`);
  box.type = "search";
  all.type = "button";
  all.textContent = "すべて表示";
  all.hidden = true;
  told.setAttribute("role", "status");
  const titles = table.caption?.id === "chronology-table" ? ["種別", "場所"] : [];
  const lists = titles.flatMap((title) => {
    const column = [...(table.tHead?.rows[0].cells ?? [])].findIndex((head) => head.textContent === title);
    if (column < 0) return [];
    return choices(
      title,
      rows.map((row) => [...new Set(value(row.cells[column]).split("、").map(short).filter(Boolean))]),
    );
  });
  bar.append(labelled("語", box), ...lists.map(({ title, list }) => labelled(title, list)), all, told);
  table.parentElement?.before(bar);
  /** @type {string[]} */
  let texts = [];
  function narrow() {
    if (texts.length === 0) {
      texts = rows.map((row) =>
        [...row.cells]
          .flatMap((cell) => Object.values(words(cell)))
          .join("\n")
          .toLowerCase(),
      );
    }
    const word = box.value.normalize("NFKC").trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, n) => {
      const shows =
        texts[n].includes(word) && lists.every((one) => !one.list.value || one.names[n].includes(one.list.value));
      if (row.hidden === shows) row.hidden = !shows;
      if (shows) shown += 1;
    });
    const by = [
      ...(word ? [`語「${box.value.trim()}」`] : []),
      ...lists.filter(({ list }) => list.value).map(({ title, list }) => `${title}「${list.value}」`),
    ].join("、");
    told.textContent = by ? `${by}で絞り込み: ${rows.length}行のうち${shown}行` : `${rows.length}行`;
    told.classList.toggle("narrowed", by !== "");
    all.hidden = by === "";
  }
  told.textContent = `${rows.length}行`;
  let waiting = 0;
  box.addEventListener("input", () => {
    // a long table takes a moment to be laid out anew: not after each letter
    clearTimeout(waiting);
    waiting = setTimeout(narrow, rows.length > 2000 ? 250 : 0);
  });
  for (const { list } of lists) list.addEventListener("change", narrow);
  function showAll() {
    box.value = "";
    for (const { list } of lists) list.value = "";
    narrow();
  }
  all.addEventListener("click", () => {
    showAll();
    box.focus();
  });
  undo.set(table, showAll);
}

for (const table of /** @type {NodeListOf<HTMLTableElement>} */ (document.querySelectorAll("main table"))) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length >= NARROWED_FROM) narrowable(table, rows);
  if (rows.length >= SORTED_FROM) sortable(table, rows);
}

// A link to a row that is narrowed away shows it again.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
  const row = link && document.getElementById(link.getAttribute("href")?.slice(1) ?? "")?.closest("tr");
  const table = row?.hidden ? row.closest("table") : null;
  if (table) undo.get(table)?.();
});
