// The API reference is a page without this; here it gets a search, and on wide
// screens an unfolded index.

const index = document.querySelector<HTMLElement>(".index");
const folds = [...document.querySelectorAll<HTMLDetailsElement>(".index details")];
const wide = matchMedia("(min-width: 801px)").matches;
const unfold = (all: boolean) => folds.forEach((fold) => (fold.open = all));
unfold(wide);

const entries = [...document.querySelectorAll<HTMLAnchorElement>(".index li a")].flatMap((link) => {
  const article = document.querySelector(link.hash)?.closest("article");
  const words = `${article?.querySelector("header")?.textContent} ${link.hash}`.toLowerCase();
  return article ? [{ link, article, words }] : [];
});

const label = document.createElement("label");
label.textContent = "Search operations";
const input = document.createElement("input");
input.type = "search";
input.spellcheck = false;
label.append(input);
const message = document.createElement("p");
message.role = "status";

input.addEventListener("input", () => {
  const wanted = input.value.toLowerCase().split(/\s+/);
  let found = 0;
  for (const { link, article, words } of entries) {
    const shown = wanted.every((word) => words.includes(word));
    found += Number(shown);
    article.hidden = !shown;
    if (link.parentElement) link.parentElement.hidden = !shown;
  }
  for (const group of document.querySelectorAll<HTMLElement>(".index details, main > section:has(header)"))
    group.hidden = group.querySelector("li:not([hidden]), article:not([hidden])") === null;
  const searching = input.value !== "";
  unfold(wide || searching);
  message.textContent = searching ? `${found} of ${entries.length}` : "";
});

index?.prepend(label, message);
