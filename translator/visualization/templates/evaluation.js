"use strict";

// Attention on a click: a table of percents, one row for each word that was written.
function attentionTable({ source, target, weights, rest }) {
  const table = document.createElement("table");
  const cell = (row, tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    return row.appendChild(element);
  };
  table.createCaption().textContent =
    "For each word of the translation (rows), percent of its attention to the words of the source (columns)"
    + (rest && `; the rest goes to ${rest}`) + ".";
  const head = table.createTHead().insertRow();
  cell(head, "td", "");
  for (const word of source) cell(head, "th", word).scope = "col";
  const body = table.createTBody();
  target.forEach((word, i) => {
    const row = body.insertRow();
    cell(row, "th", word).scope = "row";
    weights[i].forEach((percent, j) => {
      const shown = cell(row, "td", percent < 5 ? "" : percent);
      const strength = Math.min(100, percent);
      shown.style.background = `color-mix(in srgb, var(--accent) ${strength}%, transparent)`;
      if (percent > 55) shown.style.color = "var(--paper)";
      shown.title = `${word} → ${source[j]}: ${percent}\u00a0%`;
    });
  });
  return table;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-attention]");
  if (!button) return;
  let shown = button.nextElementSibling;
  if (!shown.classList.contains("attention")) {
    const data = JSON.parse(document.getElementById(button.dataset.attention).textContent);
    shown = document.createElement("div");
    shown.className = "attention";
    shown.hidden = true;
    shown.appendChild(attentionTable(data));
    button.after(shown);
  }
  shown.hidden = !shown.hidden;
  button.setAttribute("aria-expanded", String(!shown.hidden));
});
