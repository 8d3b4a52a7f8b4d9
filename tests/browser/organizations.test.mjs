// Organizations, and the list of an organization's keys.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { admin, curl, heading, issue, organization, ready, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

describe("organizations", () => {
  visit("search, and switch access off and on, with what that cuts", async (page) => {
    await organization("switched", "Switched Ltd");
    const { secret } = await issue("switched", "One");
    await signIn(page);
    await page.getByLabel("Search by name or id").fill("switched l");
    await until("the search", async () => (await page.getByRole("row").count()) === 2);
    await page.getByRole("link", { name: "Switched Ltd" }).click();
    await page.getByRole("link", { name: "Settings", exact: true }).click();
    await page.getByRole("button", { name: "Turn API access off" }).click();
    const sure = page.getByRole("dialog");
    await sure.getByText("1 key of Switched Ltd will be refused everywhere").waitFor();
    await sure.getByRole("button", { name: "Cancel" }).click();
    assert.equal(curl(secret), 200);
    await page.getByRole("button", { name: "Turn API access off" }).click();
    await sure.getByRole("button", { name: "Turn API access off" }).click();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(curl(secret), 403);
    await page.getByRole("link", { name: "Keys", exact: true }).click();
    await page.getByRole("link", { name: "Turn it on in the settings" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Issue API key" }).count(), 0);
    await page.getByRole("link", { name: "Settings", exact: true }).click();
    await page.getByRole("button", { name: "Turn API access on" }).click();
    await sure.getByRole("button", { name: "Turn API access on" }).click();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(curl(secret), 200);
  });

  visit("an id that is taken is not overwritten", async (page) => {
    await organization("taken", "First");
    await signIn(page);
    await page.getByRole("button", { name: "Create organization" }).click();
    const create = page.getByRole("dialog");
    await create.getByLabel("Name").fill("Second");
    await create.getByLabel("Organization id").fill("taken");
    await create.getByRole("button", { name: "Create" }).click();
    await create.getByText("There is an organization with this id already.").waitFor();
    assert.equal((await admin("GET", "/organizations/taken")).body.name, "First");
  });

  visit("all keys are revoked only after the id was typed", async (page) => {
    await organization("emergency", "Emergency");
    const { secret } = await issue("emergency", "One");
    await signIn(page, ready.admin_key, "#/organizations/emergency/settings");
    await page.getByRole("button", { name: "Revoke all keys" }).click();
    const sure = page.getByRole("dialog");
    await sure.getByRole("button", { name: "Revoke all keys" }).click();
    await sure.getByText("This is not the organization's id.").waitFor();
    assert.equal(curl(secret), 200);
    await sure.getByLabel("Type emergency to confirm").fill("emergency");
    await sure.getByRole("button", { name: "Revoke all keys" }).click();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(curl(secret), 401);
  });
});

describe("the list of keys", () => {
  visit("filter, sort, search, pages", async (page) => {
    await organization("many", "Many");
    for (let n = 0; n < 23; n += 1) await issue("many", `Integration ${String(n).padStart(2, "0")}`);
    const { body } = await admin("GET", "/organizations/many/keys?limit=1");
    await admin("POST", `/organizations/many/keys/${body.items[0].id}/disable`, {});
    await signIn(page, ready.admin_key, "#/organizations/many/keys");
    const names = () => page.locator("td.main a").allInnerTexts();
    await until("the newest first", async () => (await names())[0] === "Integration 22");
    await page.getByText("1–20 of 23").waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await until("the second page", async () => (await names()).join() === "Integration 02,Integration 01,Integration 00");
    await page.getByRole("button", { name: "Name" }).click();
    await until("sorted by name", async () => (await names())[0] === "Integration 00");
    assert.equal(await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort"), "ascending");
    await page.getByLabel("State").selectOption("disabled");
    await until("only the disabled one", async () => (await names()).join() === "Integration 22");
    await page.getByLabel("Search by name").fill("nothing like it");
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await page.getByLabel("Search by name").fill("on 1");
    await until("the search", async () => (await names()).length === 10);
    assert.match(await page.locator("td time").first().getAttribute("title"), /\d{4}.*\d{2}:\d{2}:\d{2}/);
  });

  visit("two administrators see each other's changes within seconds", async (page) => {
    await organization("shared", "Shared");
    const { key } = await issue("shared", "Mine");
    await signIn(page, ready.admin_key, "#/organizations/shared/keys");
    await page.getByRole("link", { name: "Mine" }).waitFor();
    await issue("shared", "Theirs");
    // The page looks every few seconds.
    await page.getByRole("link", { name: "Theirs" }).waitFor({ timeout: 60_000 });

    // A change upon an older state is not made blindly.
    await page.getByRole("link", { name: "Mine" }).click();
    await page.getByRole("button", { name: "Edit" }).click();
    const edit = page.getByRole("dialog");
    await edit.getByLabel("Name").fill("My name");
    let stale = true;
    await page.route("**/keys/*", async (route) => {
      if (route.request().method() === "PATCH" && stale) {
        stale = false;
        await admin("PATCH", `/organizations/shared/keys/${key.id}`, { name: "Their name" });
      }
      await route.continue();
    });
    await edit.getByRole("button", { name: "Save" }).click();
    await edit.getByText("Somebody changed this meanwhile.").waitFor();
    assert.equal(await edit.getByLabel("Name").inputValue(), "My name");
    await edit.getByRole("button", { name: "Save" }).click();
    await heading(page).filter({ hasText: "My name" }).waitFor();
  });
});
