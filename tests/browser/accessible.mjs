// What every page must pass: no finding of axe, nothing wider than the screen.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { until } from "./support.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function check(page, what) {
  await page.waitForTimeout(150);
  // The page before may have been there until now.
  await page.locator("h1").first().waitFor();
  await until("all is loaded", async () => (await page.locator(".loading").count()) === 0);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(found, [], what);
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= room, `${what} is ${wide} wide in ${room}`);
}

/** Both themes, languages and sizes. */
export const VIEWS = [
  { colorScheme: "light", locale: "en-GB", viewport: { width: 1440, height: 900 } },
  { colorScheme: "dark", locale: "en-GB", viewport: { width: 1440, height: 900 } },
  { colorScheme: "light", locale: "da-DK", viewport: { width: 360, height: 740 } },
  { colorScheme: "dark", locale: "da-DK", viewport: { width: 360, height: 740 } },
];
