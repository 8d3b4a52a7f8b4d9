// All texts, by language. The language comes from the browser; a choice made by
// the switch stands in the address (`?lang=da`), so that nothing is stored.

import { da } from "./da.ts";
import { en, type Text } from "./en.ts";

export type Language = "en" | "da";

const TEXTS: Record<Language, Text> = { en, da };

function preferred(): Language {
  const chosen = new URLSearchParams(location.search).get("lang");
  const wanted = [chosen ?? "", ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((tag): tag is Language => tag in TEXTS) ?? "en";
}

let current: Language = preferred();
document.documentElement.lang = current;

export const language = (): Language => current;

/** The texts in the language of now. Read anew on every rendering. */
export const t = (): Text => TEXTS[current];

export function setLanguage(chosen: Language): void {
  current = chosen;
  document.documentElement.lang = chosen;
  const address = new URL(location.href);
  address.searchParams.set("lang", chosen);
  history.replaceState(history.state, "", address);
}
