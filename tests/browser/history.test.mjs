// What was done, by whom and how often: usage and the audit.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { admin, issue, organization, ready, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

describe("usage", () => {
  visit("as a plot by scope and outcome, and as a table", async (page) => {
    await organization("plots", "Plots");
    const { key } = await issue("plots", "Plotted");
    const hour = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000).toISOString();
    const row = (scope, outcome, count) => ({ start: hour, by: "hour", key: key.id, scope, outcome, count });
    await page.route("**/usage?*", (route) =>
      route.fulfill({
        json: {
          items: [row("read", "allowed", 120), row("usage", "allowed", 30), row("read", "insufficient_scope", 7)],
          next_cursor: null,
        },
      }),
    );
    await signIn(page, ready.admin_key, `#/organizations/plots/keys/${key.id}`);
    const plot = page.getByRole("img", { name: "Requests over 24 hours: 157 in all." });
    await plot.waitFor();
    assert.equal(await plot.locator("rect").count(), 2);
    await page.getByRole("button", { name: "Outcome" }).click();
    await page.getByText("insufficient scope").first().waitFor();
    await page.getByText("As a table").click();
    await page.getByRole("cell", { name: "157" }).waitFor();
  });
});

describe("the audit", () => {
  visit("who did what, filter, export, and a chain that is verified in the page", async (page) => {
    await organization("audited", "Audited");
    const { key } = await issue("audited", "Ångström ✓ \"quoted\"");
    await admin("POST", `/organizations/audited/keys/${key.id}/revoke`, { reason: "key_compromise", note: "Line\nbreak" });
    await signIn(page, ready.admin_key, "#/organizations/audited/audit");
    await page.getByRole("cell", { name: "Revoked key" }).waitFor();
    await page.getByLabel("Action").selectOption("key.issue");
    await until("the filter", async () => (await page.getByRole("row").count()) === 2);
    await page.getByLabel("Action").selectOption("");

    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    const text = readFileSync(await (await download).path(), "utf8");
    assert.equal(text.trim().split("\n").length, 3);
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save head" }).click();
    const head = readFileSync(await (await saved).path());

    await page.getByRole("button", { name: "Verify chain" }).click();
    await page.getByText("The chain holds: 3 entries follow").waitFor();
    await issue("audited", "After the head");
    const file = (buffer) => ({ name: "head.json", mimeType: "application/json", buffer });
    await page.getByLabel("Compare with a head").setInputFiles(file(head));
    await page.getByRole("button", { name: "Verify chain" }).click();
    await page.getByText("It also contains the head that you saved.").waitFor();
    await page.getByLabel("Compare with a head").setInputFiles(file(Buffer.from("{}")));
    await page.getByText("This file is not an audit head.").waitFor();

    // Each kind of tampering is found.
    const tampered = async (change, found) => {
      await page.route("**/audit", async (route) => {
        const response = await route.fetch();
        const lines = (await response.text()).trim().split("\n");
        await route.fulfill({ response, body: `${change(lines).join("\n")}\n` });
      });
      await page.getByRole("button", { name: "Verify chain" }).click();
      await page.getByText(found).waitFor();
      await page.unroute("**/audit");
    };
    await page.getByLabel("Compare with a head").setInputFiles([]);
    await tampered((lines) => lines.map((line) => line.replace("key_compromise", "superseded")), "at entry 3: it was altered");
    await tampered((lines) => lines.filter((_, place) => place !== 1), "at entry 2: another entry belongs there");
    await tampered(([a, b, ...rest]) => [a, `${b} `, ...rest], "at entry 2: it is not an entry in canonical form");
    await tampered((lines) => lines.slice(0, -1), "the chain does not end where the head says");
    await tampered(
      (lines) => lines.map((line) => line.replace(/"previous":"../, '"previous":"zz')),
      "at entry 1: it does not follow the one before",
    );
  });
});
