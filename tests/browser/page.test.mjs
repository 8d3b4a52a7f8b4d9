// What holds on every page: forms outlive the connection, two languages, the keyboard
// alone, and a small first load.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { admin, dashboard, heading, issue, organization, ready, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

describe("when the connection is lost", () => {
  visit("no typed form is lost, and no second key is made", async (page) => {
    await organization("offline", "Offline");
    await signIn(page, ready.admin_key, "#/organizations/offline/issue");
    await page.getByLabel("Name").fill("Typed before");
    await page.getByLabel("read", { exact: false }).first().check();
    // The request arrives; its answer does not.
    await page.route("**/keys", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      await route.fetch();
      await route.abort("connectionreset");
    });
    await page.getByRole("button", { name: "Issue key" }).click();
    await page.getByText("No connection to the service.").waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), "Typed before");
    await page.unroute("**/keys");
    await page.getByRole("button", { name: "Issue key" }).click();
    await page.getByText("its secret got lost on the way").waitFor();
    assert.equal((await admin("GET", "/organizations/offline/keys")).body.items.length, 1);
  });

  visit("what is shown says that it is old, until it is fresh again", async (page) => {
    await organization("stale", "Stale");
    await issue("stale", "Seen");
    await signIn(page, ready.admin_key, "#/organizations/stale/keys");
    await page.getByRole("link", { name: "Seen" }).waitFor();
    await page.route("**/admin/v1/**", (route) => route.abort());
    await page.getByText("No fresh answer.").waitFor();
    assert.ok(await page.getByRole("link", { name: "Seen" }).isVisible());
    await page.unroute("**/admin/v1/**");
    await page.getByText("No fresh answer.").waitFor({ state: "detached" });
  });
});

describe("languages", () => {
  visit("what weakens a guarantee, as far as this version knows it", async (page) => {
    await page.route("**/admin/v1/status", async (route) => {
      const response = await route.fetch();
      const status = await response.json();
      status.weakened_by.push(
        { setting: "ON_UNPROVEN", at_most_ms: 60_000, text: "not shown" },
        { setting: "TO_COME", at_most_ms: null, text: "A later version's setting." },
      );
      await route.fulfill({ response, json: status });
    });
    await signIn(page, ready.admin_key, "#/status");
    await page.getByText("up to 60 seconds old").waitFor();
    await page.getByRole("button", { name: "DA" }).click();
    await page.getByText("BOOTSTRAP_TOKEN er sat").waitFor();
    await page.getByText("op til 60 sekunder gammelt").waitFor();
    const unknown = page.getByText("A later version's setting.");
    assert.equal(await unknown.getAttribute("lang"), "en");
  });

  visit(
    "Danish for a Danish browser, English by the switch, kept in the address alone",
    async (page) => {
      await page.goto(dashboard);
      await page.getByRole("heading", { name: "Log ind" }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), "da");
      await page.getByLabel("Adminnøgle").fill("kat_admin_vrøvl");
      await page.getByRole("button", { name: "Log ind" }).click();
      await page.getByText("Det er ikke en adminnøgle.").waitFor();
      await page.getByRole("button", { name: "EN" }).click();
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
      // What was typed is still there.
      assert.equal(await page.getByLabel("Admin key").inputValue(), "kat_admin_vrøvl");
      await page.reload();
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
      assert.match(page.url(), /\?lang=en/);
    },
    { locale: "da-DK" },
  );
});

describe("keyboard only", () => {
  visit("sign in, issue, store, revoke", async (page) => {
    await organization("keyboard", "Keyboard");
    await page.goto(`${dashboard}#/organizations/keyboard/keys`);
    await page.getByLabel("Admin key").waitFor();
    const press = async (key, times = 1) => {
      for (let n = 0; n < times; n += 1) await page.keyboard.press(key);
    };
    /** Goes on by Tab until the element that has the focus is called so. */
    const tabTo = async (name) => {
      for (let n = 0; n < 60; n += 1) {
        await press("Tab");
        const focused = await page.evaluate(() => {
          const element = document.activeElement;
          return element?.getAttribute("aria-label") ?? element?.labels?.[0]?.innerText ?? element?.innerText ?? "";
        });
        if (focused.trim().startsWith(name)) return;
      }
      assert.fail(`never came to ${name}`);
    };
    await tabTo("Skip to the content");
    await tabTo("Admin key");
    await page.keyboard.type(ready.admin_key);
    await press("Enter");
    await tabTo("Issue API key");
    await press("Enter");
    await heading(page).filter({ hasText: "Issue API key" }).waitFor();
    await tabTo("Name");
    await page.keyboard.type("By hand");
    await tabTo("read");
    await press("Space");
    await press("Enter");
    await page.getByRole("heading", { name: "Store this secret now" }).waitFor();
    await tabTo("I have stored it");
    await press("Space");
    await tabTo("Done");
    await press("Enter");
    await heading(page).filter({ hasText: "By hand" }).waitFor();
    await tabTo("Revoke");
    await press("Enter");
    await page.getByRole("dialog").waitFor();
    await press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    // The focus is back where the dialog was opened.
    await until("the focus", () => page.evaluate(() => document.activeElement?.textContent === "Revoke"));
    await press("Enter");
    await tabTo("Revoke for ever");
    await press("Enter");
    await page.getByText(/Enforced everywhere, after/).waitFor();
  });
});

test("the first load is small", () => {
  const folder = new URL("../../build/assets/dashboard/", import.meta.url);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== "licenses.txt",
  );
  const bytes = files.reduce(
    (sum, entry) => sum + gzipSync(readFileSync(`${entry.parentPath}/${entry.name}`), { level: 9 }).length,
    0,
  );
  assert.ok(bytes < 60_000, `${bytes} bytes`);
  console.log(`first load: ${bytes} bytes gzipped`);
});
