// Long tables can be narrowed by a word: the page is whole without this.
for (const table of document.querySelectorAll("main table")) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 20) continue;
  const label = document.createElement("label");
  const box = document.createElement("input");
  const told = document.createElement("span");
  label.className = "filter";
  box.type = "search";
  told.setAttribute("role", "status");
  label.append("この表を語で絞る ", box, " ", told);
  table.parentElement.before(label);
  const texts = rows.map((row) => row.textContent.normalize("NFKC"));
  box.addEventListener("input", () => {
    const word = box.value.normalize("NFKC").trim();
    let shown = 0;
    rows.forEach((row, n) => {
      row.hidden = !texts[n].includes(word);
      if (!row.hidden) shown += 1;
    });
    told.textContent = word ? `${shown}行` : "";
  });
}
