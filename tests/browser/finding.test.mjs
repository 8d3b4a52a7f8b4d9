// Finding keys, stopping many at once, lists as files, and organizations that were
// deleted.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { csvOfKeys } from "../../dashboard/csv.ts";
import { admin, curl, heading, issue, organization, ready, signIn, until, visits } from "./support.mjs";

const { visit } = visits();
const names = (page) => page.locator("td.main a").allInnerTexts();

/** A key object with these members, as far as a file shows one. */
const key = (more) => ({
  id: "kat_live_x",
  organization: "acme",
  name: "Web shop",
  environment: "live",
  state: "active",
  scopes: ["read", "usage"],
  created_at: "2026-11-24T00:00:00.000Z",
  created_by: { kind: "key", id: "kat_admin_x", name: "Ops" },
  last_used_at: null,
  expires_at: null,
  retires_at: null,
  exposed_at: null,
  leaked_at: null,
  revoked_at: null,
  revocation_reason: null,
  allowed_ips: [],
  metadata: {},
  ...more,
});

/** Reads RFC 4180, so that what is written is not compared with itself. */
function read(text) {
  const rows = [];
  for (let at = 0; at < text.length; ) {
    const row = [];
    for (;;) {
      assert.equal(text[at], '"');
      let value = "";
      for (at += 1; text[at] !== '"' || text[at + 1] === '"'; at += 1) {
        if (text[at] === '"') at += 1;
        value += text[at];
      }
      row.push(value);
      at += 1;
      if (text[at] !== ",") break;
      at += 1;
    }
    assert.equal(text.slice(at, at + 2), "\r\n");
    at += 2;
    rows.push(row);
  }
  return rows;
}

describe("a list as a file", () => {
  test("is RFC 4180, with the API's names", () => {
    const rows = read(csvOfKeys([key({ name: 'a "b", c\nd', metadata: { team: "web" } }), key({})]));
    assert.equal(rows.length, 3);
    const [columns, first, second] = rows;
    const cell = (row, name) => row[columns.indexOf(name)];
    assert.equal(cell(first, "name"), 'a "b", c\nd');
    assert.equal(cell(first, "metadata"), '{"team":"web"}');
    assert.equal(cell(second, "metadata"), "");
    assert.equal(cell(second, "scopes"), "read usage");
    assert.equal(cell(second, "created_by"), "Ops");
    assert.equal(new Set(rows.map((row) => row.length)).size, 1);
  });

  test("holds no formula, whatever somebody named a key", () => {
    for (const name of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1"]) {
      const [columns, row] = read(csvOfKeys([key({ name, created_by: { kind: "key", name } })]));
      for (const column of ["name", "created_by"]) {
        assert.equal(row[columns.indexOf(column)], `'${name}`, JSON.stringify(name));
      }
    }
    const [columns, row] = read(csvOfKeys([key({ name: "a=1" })]));
    assert.equal(row[columns.indexOf("name")], "a=1");
  });

  visit("has what the filter shows", async (page) => {
    await organization("csv", "Csv");
    await issue("csv", "=cmd|' /C calc'!A0", { metadata: { team: "web" } });
    await issue("csv", "Other");
    await signIn(page, ready.admin_key, "#/organizations/csv/keys");
    await page.getByLabel("Notes, such as team=web").fill("team=web");
    await until("the filter", async () => (await names(page)).length === 1);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
    assert.equal(download.suggestedFilename(), "keys-csv.csv");
    const rows = read(readFileSync(await download.path(), "utf8"));
    assert.equal(rows.length, 2);
    assert.equal(rows[1][rows[0].indexOf("name")], "'=cmd|' /C calc'!A0");
  });
});

describe("a key is found", () => {
  visit("by its id, and by itself with what its secret is worth", async (page, context) => {
    await organization("found", "Found Ltd");
    const { key, secret } = await issue("found", "Somewhere");
    const sent = [];
    context.on("request", (request) => sent.push(request.url()));
    await signIn(page);
    const find = page.getByLabel("Key id, or a whole key");
    const submit = page.getByRole("button", { name: "Find", exact: true });
    await find.fill(`  ${secret} `);
    await submit.click();
    await page.getByText("The secret is the key's own").waitFor();
    assert.equal(await find.inputValue(), "", "it is let go of");
    await find.fill(secret.slice(0, -1));
    await submit.click();
    await page.getByText("The service did not take this.").waitFor();
    await find.fill(key.id);
    await submit.click();
    await heading(page).filter({ hasText: "Somewhere" }).waitFor();
    assert.ok(!sent.some((url) => url.includes(secret.split(".")[1])), "in no address");
    assert.ok(!(await page.content()).includes(secret.split(".")[1]));
  });

  visit("by what calls for attention", async (page) => {
    await organization("attention", "Attention");
    const soon = new Date(Date.now() + 5 * 86_400_000).toISOString();
    await issue("attention", "Ends soon", { expires_at: soon });
    await issue("attention", "For tests", { environment: "test" });
    await issue("attention", "Plain");
    await signIn(page, ready.admin_key, "#/organizations/attention/keys");
    await until("all", async () => (await names(page)).length === 3);
    await page.getByLabel("Attention").selectOption("Ending within 7 days");
    await until("one ends", async () => (await names(page)).join() === "Ends soon");
    await page.getByLabel("Attention").selectOption("Exposed or leaked");
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await page.getByLabel("Environment").selectOption("Test");
    await until("one is for tests", async () => (await names(page)).join() === "For tests");
  });

  visit("with its audit, its notes and its id to take along", async (page) => {
    await organization("noted", "Noted");
    const { key } = await issue("noted", "With notes");
    await issue("noted", "Another");
    await signIn(page, ready.admin_key, `#/organizations/noted/keys/${key.id}`);
    await page.getByRole("button", { name: "Edit" }).click();
    const edit = page.getByRole("dialog");
    await edit.getByLabel("Notes").fill('["team"]');
    await edit.getByRole("button", { name: "Save" }).click();
    await edit.getByText("This is not a JSON object.").waitFor();
    await edit.getByLabel("Notes").fill('{"team": "web", "n": 7}');
    await edit.getByRole("button", { name: "Save" }).click();
    await edit.waitFor({ state: "detached" });
    const { body } = await admin("GET", `/organizations/noted/keys/${key.id}`);
    assert.deepEqual(body.metadata, { team: "web", n: 7 });

    await page.getByRole("button", { name: `Copy the id ${key.id}` }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key.id);
    await page.getByRole("link", { name: "Audit of this key" }).click();
    await page.getByRole("cell", { name: "Changed key" }).waitFor();
    const acts = await page.locator("td[data-label='What']").allInnerTexts();
    assert.deepEqual(acts, ["Changed key", "Issued key"]);
    await page.getByRole("link", { name: "Show the whole audit" }).click();
    await until("the others", async () => (await page.locator("td[data-label='What']").count()) === 4);
  });
});

describe("many keys at once", () => {
  visit("are disabled and revoked by one order, after a question that says how many", async (page) => {
    await organization("bulk", "Bulk");
    const keys = [];
    for (const name of ["One", "Two", "Three"]) keys.push(await issue("bulk", name));
    await signIn(page, ready.admin_key, "#/organizations/bulk/keys");
    await page.getByLabel("Select One").check();
    await page.getByLabel("Select Two").check();
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    const sure = page.getByRole("dialog");
    await sure.getByRole("heading", { name: "Disable 2 keys?" }).waitFor();
    assert.deepEqual(await sure.getByRole("listitem").allInnerTexts(), ["Two", "One"]);
    await sure.getByRole("button", { name: "Cancel" }).click();
    assert.equal(curl(keys[0].secret), 200);

    const orders = [];
    page.on("request", (request) => request.method() === "POST" && orders.push(request.url()));
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    await sure.getByRole("button", { name: "Disable 2 keys" }).click();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    await page.getByText("2 keys disabled.").waitFor();
    assert.equal(orders.length, 1);
    assert.deepEqual(keys.map(({ secret }) => curl(secret)), [401, 401, 200]);

    // One was revoked by somebody else meanwhile: that holds up no other.
    await page.getByLabel("Select all on this page").check();
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    await admin("POST", `/organizations/bulk/keys/${keys[0].key.id}/revoke`, { reason: "superseded", wait: false });
    await sure.getByRole("button", { name: /^Disable \d keys?$/ }).click();
    await page.getByText("Enforced everywhere, after").waitFor();
    assert.equal(curl(keys[2].secret), 401);

    await page.getByLabel("Select all on this page").check();
    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await sure.getByLabel("Reason").selectOption("superseded");
    await sure.getByRole("button", { name: "Revoke 2 keys for ever" }).click();
    await page.getByText("2 keys revoked.").waitFor();
    const { body } = await admin("GET", "/organizations/bulk/keys?state=revoked");
    assert.equal(body.items.length, 3);
    // What is revoked cannot be selected.
    assert.ok(await page.getByLabel("Select One").isDisabled());
  });
});

describe("a deleted organization", () => {
  visit("is shown apart, says so, and comes back", async (page) => {
    await organization("gone", "Gone Ltd");
    const { secret } = await issue("gone", "Its key");
    await admin("DELETE", "/organizations/gone", {});
    await signIn(page);
    const link = page.getByRole("link", { name: "Gone Ltd" });
    await page.getByLabel("Search by name or id").fill("gone");
    await page.getByText("No organization matches the search.").waitFor();
    await page.getByRole("button", { name: "Create organization" }).click();
    const create = page.getByRole("dialog");
    await create.getByLabel("Name").fill("Gone again");
    await create.getByLabel("Organization id").fill("gone");
    await create.getByRole("button", { name: "Create" }).click();
    await create.getByText("An organization with this id was deleted").waitFor();
    await create.getByRole("button", { name: "Cancel" }).click();

    await page.getByRole("button", { name: "Deleted", exact: true }).click();
    await link.click();
    await page.getByText("This organization was deleted").waitFor();
    assert.equal(await page.getByRole("link", { name: "Issue API key" }).count(), 0);
    await page.getByRole("button", { name: "Restore organization" }).click();
    await page.getByText("The organization is back.").waitFor();
    await page.getByRole("link", { name: "Settings", exact: true }).click();
    await page.getByRole("button", { name: "Turn API access on" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Turn API access on" }).click();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(curl(secret), 401, "revoked for ever");
  });
});

describe("in Danish", () => {
  visit(
    "the same",
    async (page) => {
      await organization("dansk", "Dansk A/S");
      await issue("dansk", "Butik");
      await signIn(page, ready.admin_key, "#/organizations/dansk/keys");
      await page.getByLabel("Vælg Butik").check();
      await page.getByRole("button", { name: "Tilbagekald", exact: true }).click();
      await page.getByRole("button", { name: "Tilbagekald 1 nøgle for altid" }).click();
      await page.getByText("1 nøgle tilbagekaldt.").waitFor();
    },
    { locale: "da-DK" },
  );
});
