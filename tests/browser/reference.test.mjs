// The API reference at /docs/: all of the OpenAPI document, for everybody, without
// script too.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { check, VIEWS } from "./accessible.mjs";
import { base, dashboard, heading, visits } from "./support.mjs";

const { visit } = visits();
const reference = `${base}/docs/`;

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

async function operations() {
  const { paths } = await (await fetch(`${base}/openapi.json`)).json();
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { operationId, summary }]) => ({ path, method, operationId, summary })),
  );
}

/** That the page shows each operation: method, path and summary beside each other. */
async function showsAll(page) {
  const all = await operations();
  assert.ok(all.length > 50, `${all.length} operations`);
  for (const { path, method, operationId, summary } of all) {
    const shown = page.locator(`#${operationId}`);
    assert.equal(await shown.innerText(), method.toUpperCase());
    const head = page.locator("article > header").filter({ has: shown });
    assert.ok(await head.isVisible(), operationId);
    const words = await head.innerText();
    assert.ok(words.includes(path) && words.includes(summary), `${operationId}: ${words}`);
  }
}

visit("every operation is on the page, and the search finds it", async (page) => {
  await page.goto(`${base}/docs`);
  assert.equal(page.url(), reference);
  await showsAll(page);
  const search = page.getByLabel("Search operations");
  await search.fill("POST keys rotate");
  await page.getByRole("status").getByText(/^1 of \d+$/).waitFor();
  assert.ok(await page.locator("#rotateKey").isVisible());
  assert.ok(!(await page.locator("#issueKey").isVisible()));
  assert.equal(await page.locator(".index li:visible").count(), 1);
  await search.fill("");
  await showsAll(page);
});

visit("it is whole without script", async (page) => {
  await page.goto(reference);
  assert.equal(await page.getByLabel("Search operations").count(), 0);
  await showsAll(page);
}, { javaScriptEnabled: false });

visit("the dashboard leads there", async (page) => {
  await page.goto(dashboard);
  await page.getByRole("link", { name: "API reference" }).click();
  await heading(page).filter({ hasText: "Katalo keys" }).waitFor();
  assert.equal(page.url(), reference);
});

test("every file of it carries the policy", async () => {
  const page = await (await fetch(reference)).text();
  const files = [...page.matchAll(/(?:href|src)="(\/docs\/bundle\/[^"]+)"/g)].map(([, path]) => path);
  assert.equal(files.length, 2, String(files));
  for (const path of ["/docs/", ...files]) {
    const { status, headers } = await fetch(base + path);
    assert.equal(status, 200, path);
    assert.equal(headers.get("content-security-policy"), POLICY, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("referrer-policy"), "no-referrer", path);
    const cache = path === "/docs/" ? "public, max-age=0, must-revalidate" : "public, max-age=31536000, immutable";
    assert.equal(headers.get("cache-control"), cache, path);
  }
});

describe("accessible", () => {
  for (const view of VIEWS) {
    visit(`${view.colorScheme}, ${view.viewport.width} px`, async (page) => {
      await page.goto(reference);
      await page.locator("details").evaluateAll((folds) => folds.forEach((fold) => (fold.open = true)));
      await check(page, "reference");
      await page.getByLabel("Search operations").fill("organization");
      await check(page, "reference, searched");
    }, view);
  }
});
