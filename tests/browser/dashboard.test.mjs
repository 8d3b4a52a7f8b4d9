// The dashboard in Chromium, as its users go through it.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { reportLeak } from "./reporter.mjs";
import { admin, base, dashboard, issue, organization, ready, shell, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

const curl = (key, path = "/v1/catalogs/cat_demo") =>
  Number(
    shell(`curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $KATALO_API_KEY" ${base}${path}`, {
      KATALO_API_KEY: key,
    }),
  );

/** The heading's text, without its badge. */
const heading = (page) => page.getByRole("heading", { level: 1 });

describe("the life of a key", () => {
  visit("issue, copy, use with curl, rotate, both work, revoke, refused", async (page) => {
    await signIn(page);
    await page.getByRole("button", { name: "Create organization" }).click();
    const create = page.getByRole("dialog");
    await create.getByLabel("Name").fill("Fjord & Fjeld");
    await create.getByLabel("Organization id").fill("fjord");
    await create.getByRole("button", { name: "Create" }).click();

    // An empty list explains itself and leads on.
    await page.getByRole("heading", { name: "No keys yet" }).waitFor();
    assert.match(await page.locator(".empty").innerText(), /shown once/);
    await page.locator(".empty").getByRole("link", { name: "Issue API key" }).click();

    // What is wrong with the form is said at its fields.
    await page.getByRole("button", { name: "Issue key" }).click();
    await page.getByText("Fill this in.").waitFor();
    await page.getByText("Choose at least one scope.").waitFor();
    await page.getByLabel("Name").fill("Webshop import");
    await page.getByLabel("read", { exact: false }).first().check();
    await page.getByLabel("Allowed addresses").fill("not a network");
    await page.getByText("is not an address or a network").waitFor();
    await page.getByLabel("Allowed addresses").fill("");
    await page.getByLabel("Expires").selectOption("90");
    await page.getByRole("button", { name: "Issue key" }).click();

    const shown = page.getByRole("dialog");
    await shown.getByRole("heading", { name: "Store this secret now" }).waitFor();
    await shown.getByRole("button", { name: "Copy the secret" }).click();
    const secret = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(secret, /^kat_live_[0-9A-Za-z]{30}\.[0-9A-Za-z]{49}$/);

    // The lines work as they stand, and those that are kept hold no secret.
    await shown.getByRole("button", { name: "Copy the export line" }).click();
    const exportLine = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(exportLine, `export KATALO_API_KEY=${secret}`);
    for (const [language, command] of [
      ["curl", "sh -s"],
      ["Python", "python3 -"],
      ["Node", "node --input-type=module"],
    ]) {
      await shown.getByRole("button", { name: language, exact: true }).click();
      await shown.getByRole("button", { name: `Copy the ${language} lines` }).click();
      const lines = await page.evaluate(() => navigator.clipboard.readText());
      assert.ok(!lines.includes(secret));
      const answer = shell(`${exportLine}\n${command} <<'LINES'\n${lines}\nLINES`);
      assert.match(answer, /Webshop import/, `${language}: ${answer}`);
    }

    // It is nowhere but on the screen, and does not go away by chance.
    const kept = await page.evaluate(() =>
      JSON.stringify([location.href, document.title, history.state, { ...localStorage }, { ...sessionStorage }, document.cookie]),
    );
    assert.ok(!kept.includes(secret.split(".")[1]));
    assert.equal(await shown.getByRole("button", { name: "Done" }).isDisabled(), true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.goBack();
    assert.ok(await shown.isVisible());
    await shown.getByLabel("I have stored it").check();
    await shown.getByRole("button", { name: "Done" }).click();
    await heading(page).filter({ hasText: "Webshop import" }).waitFor();
    assert.ok(!(await page.content()).includes(secret.split(".")[1]));

    assert.equal(curl(secret), 200);

    // Rotation: both work, and the page tells how far the change has come.
    await page.getByRole("button", { name: "Rotate" }).click();
    await page.getByRole("dialog").getByLabel("Overlap").selectOption("3600");
    await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
    await shown.getByRole("heading", { name: "Store the new secret now" }).waitFor();
    const successor = await page.getByTestId("secret").innerText();
    await shown.getByLabel("I have stored it").check();
    await shown.getByRole("button", { name: "Done" }).click();
    await heading(page).filter({ hasText: "Retiring" }).waitFor();
    assert.notEqual(successor, secret);
    assert.equal(curl(secret), 200);
    assert.equal(curl(successor), 200);
    await page.getByRole("heading", { name: "Rotation" }).waitFor();
    await page.getByText("The overlap ends").waitFor();

    // Revocation: counted until it is enforced, then refused.
    await page.getByRole("button", { name: "Revoke" }).click();
    const sure = page.getByRole("dialog");
    await sure.getByText("What this would hit").waitFor();
    await sure.getByLabel("Reason").selectOption("superseded");
    await sure.getByLabel("Note").fill("The shop moved to the new key.");
    await sure.getByRole("button", { name: "Revoke for ever" }).click();
    await page.locator(".enforcing .count").waitFor();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(curl(secret), 401);
    assert.equal(curl(successor), 200);
    await heading(page).filter({ hasText: "Revoked" }).waitFor();
    await page.getByText("Another key took its place").waitFor();
    const { items } = (await admin("GET", "/organizations/fjord/audit?limit=200")).body;
    assert.equal(items.find((entry) => entry.action === "key.revoke").after.note, "The shop moved to the new key.");
    assert.equal(await page.getByRole("button", { name: "Revoke" }).count(), 0);
  });

  visit("the form carries all that was chosen", async (page) => {
    await organization("chosen", "Chosen");
    await signIn(page, ready.admin_key, "#/organizations/chosen/issue");
    await page.getByLabel("Name").fill("  Chosen  ");
    await page.getByRole("radio", { name: "Test" }).check();
    await page.getByLabel("create", { exact: false }).first().check();
    await page.getByLabel("usage", { exact: false }).first().check();
    await page.getByLabel("Expires").selectOption("date");
    await page.getByLabel("Date and time").fill("2031-02-03T04:05");
    await page.getByLabel("Allowed addresses").fill("192.0.2.0/24\n2001:db8::/32, 198.51.100.7");
    await page.getByRole("button", { name: "Issue key" }).click();
    assert.match(await page.getByTestId("secret").innerText(), /^kat_test_/);
    const [key] = (await admin("GET", "/organizations/chosen/keys")).body.items;
    assert.equal(key.name, "Chosen");
    assert.equal(key.environment, "test");
    assert.deepEqual(key.scopes.sort(), ["create", "usage"]);
    // Copenhagen in winter.
    assert.equal(Date.parse(key.expires_at), Date.parse("2031-02-03T03:05:00Z"));
    assert.deepEqual(
      key.allowed_ips.map((network) => network.replace(/\/32$/, "")).sort(),
      ["192.0.2.0/24", "198.51.100.7", "2001:db8::"],
    );
  });

  visit("its last use is seen on its page, in the plot, and before it is revoked", async (page) => {
    await organization("used", "Used");
    const { key, secret } = await issue("used", "Busy");
    assert.equal(curl(secret), 200);
    const rotated = await admin("POST", `/organizations/used/keys/${key.id}/rotate`, { overlap_seconds: 3600 });
    for (let n = 0; n < 2; n += 1) assert.equal(curl(rotated.body.secret), 200);
    await signIn(page, ready.admin_key, `#/organizations/used/keys/${key.id}`);
    const seen = page.getByTestId("last-used").filter({ hasText: /minute|second|now/ });
    await seen.waitFor();
    await page.getByRole("img", { name: "Requests over 24 hours: 1 in all." }).waitFor();
    // The old key's use against the new one's.
    await until("the rotation", async () => (await page.locator(".progress .number").allInnerTexts()).join() === "1,2");
    await page.getByText("The old key is still in use. The overlap ends in 1 hour.").waitFor();
    await page.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("dialog").getByText("Requests let through: 1 in the last hour").waitFor();
  });

  visit("edit, disable, enable", async (page) => {
    await organization("edits", "Edits");
    const { key, secret } = await issue("edits", "Before");
    await signIn(page, ready.admin_key, `#/organizations/edits/keys/${key.id}`);
    await page.getByRole("button", { name: "Edit" }).click();
    const edit = page.getByRole("dialog");
    await edit.getByLabel("Name").fill("After");
    await edit.getByRole("button", { name: "Save" }).click();
    await heading(page).filter({ hasText: "After" }).waitFor();
    await page.getByRole("button", { name: "Disable" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(curl(secret), 401);
    await page.getByRole("button", { name: "Enable" }).click();
    await heading(page).filter({ hasText: "Active" }).waitFor();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(curl(secret), 200);
  });

  visit("a reload loses the secret, not the key", async (page) => {
    await organization("reload", "Reload");
    await signIn(page, ready.admin_key, "#/organizations/reload/issue");
    await page.getByLabel("Name").fill("Lost");
    await page.getByLabel("read", { exact: false }).first().check();
    await page.getByRole("button", { name: "Issue key" }).click();
    const secret = await page.getByTestId("secret").innerText();
    page.on("dialog", (dialog) => dialog.accept());
    await page.reload();
    await heading(page).filter({ hasText: "Issue API key" }).waitFor();
    assert.ok(!(await page.content()).includes(secret.split(".")[1]));
    await page.goto(`${dashboard}#/organizations/reload/keys`);
    await page.getByRole("link", { name: "Lost" }).waitFor();
  });
});

describe("the session", () => {
  visit("a wrong key is refused in a sentence", async (page) => {
    await page.goto(dashboard);
    await page.getByLabel("Admin key").fill("kat_admin_nonsense");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This is not an admin key.").waitFor();
    await page.getByRole("alert").getByText("Request").waitFor();
    await page.getByLabel("Admin key").fill(ready.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This is a key for the API.").waitFor();
  });

  visit("the cookie is out of scripts' reach, and bound to this host", async (page, context) => {
    await signIn(page);
    const [cookie, ...others] = await context.cookies();
    assert.deepEqual(others, []);
    assert.equal(cookie.name, "__Host-katalo-session");
    assert.equal(cookie.httpOnly, true);
    assert.equal(cookie.secure, true);
    assert.equal(cookie.sameSite, "Strict");
    assert.equal(cookie.path, "/");
    assert.ok(!cookie.domain.startsWith("."));
    assert.ok(cookie.expires - Date.now() / 1000 <= 3601);
    assert.equal(await page.evaluate(() => document.cookie), "");
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
    assert.ok(!(await page.content()).includes(ready.admin_key));
    await page.getByText("One cookie, strictly necessary: your session.").waitFor();
  });

  visit("signing out ends it, in every tab", async (page, context) => {
    await signIn(page);
    const other = await context.newPage();
    await other.goto(`${dashboard}#/status`);
    await heading(other).filter({ hasText: "Status" }).waitFor();
    const [cookie] = await context.cookies();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out.").waitFor();
    await other.getByText("You are signed out.").waitFor();
    assert.deepEqual(await context.cookies(), []);
    // A copy of the cookie opens nothing any more.
    const copy = await fetch(`${base}/admin/v1/organizations`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
    assert.equal(copy.status, 401);
    // Signed in again in one, both go on where they were.
    await page.getByLabel("Admin key").fill(ready.admin_key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await heading(other).filter({ hasText: "Status" }).waitFor();
  });

  visit("after an hour it is over, before anything is asked", async (page) => {
    await page.clock.install();
    await signIn(page, ready.admin_key, "#/status");
    await heading(page).filter({ hasText: "Status" }).waitFor();
    await page.clock.fastForward(3_590_000);
    assert.equal(await page.getByRole("dialog").count(), 0);
    await page.clock.fastForward(20_000);
    await page.getByRole("dialog", { name: "Your session is over" }).waitFor();
  });

  visit("over by itself, one goes on where one was, with what was typed", async (page, context) => {
    await organization("over", "Over");
    await signIn(page, ready.admin_key, "#/organizations/over/issue");
    await page.getByLabel("Name").fill("Half typed");
    await context.clearCookies();
    const again = page.getByRole("dialog", { name: "Your session is over" });
    await again.waitFor();
    await again.getByLabel("Admin key").fill(ready.admin_key);
    await again.getByRole("button", { name: "Sign in" }).click();
    await again.waitFor({ state: "detached" });
    assert.equal(await page.getByLabel("Name").inputValue(), "Half typed");
    assert.match(page.url(), /#\/organizations\/over\/issue$/);
  });

  visit("a revoked admin key ends its sessions at once", async (page) => {
    const made = await admin("POST", "/organizations/_platform/keys", {
      name: "Short-lived",
      environment: "admin",
      scopes: ["organizations:read", "keys:read"],
    });
    await signIn(page, made.body.secret);
    await page.getByRole("heading", { name: "Organizations" }).waitFor();
    // What it may not do is not offered.
    assert.equal(await page.getByRole("button", { name: "Create organization" }).count(), 0);
    assert.equal(await page.getByRole("link", { name: "Status" }).count(), 0);
    await admin("POST", `/organizations/_platform/keys/${made.body.key.id}/revoke`, { reason: "unspecified" });
    await page.getByRole("dialog", { name: "Your session is over" }).waitFor();
  });
});

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

describe("a key that is no secret any more", () => {
  visit("is marked in the table and on its page, held to what the settings say, and freed", async (page) => {
    await organization("shown", "Shown");
    const seen = await issue("shown", "Sent by a browser");
    const found = await issue("shown", "Found in public", { scopes: ["read", "usage"] });

    // What a report does is a setting.
    await signIn(page, ready.admin_key, "#/organizations/shown/settings");
    assert.ok(await page.getByRole("radio", { name: "Report it" }).isChecked());
    await page.getByRole("radio", { name: "Restrict it" }).check();
    await page.getByText("Choose at least one scope.").waitFor();
    await page.getByRole("checkbox", { name: "usage" }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    assert.deepEqual((await admin("GET", "/organizations/shown")).body.leak_policy, { action: "quarantine", scopes: ["usage"] });

    const place = "https://github.com/shown/shop/blob/1/.env";
    assert.equal(await reportLeak(base, found.secret, place), 200);
    const origin = "https://shop.example";
    const call = await fetch(`${base}/v1/key?key=${seen.secret}`, { headers: { origin, "sec-fetch-dest": "image" } });
    assert.equal(call.status, 403);

    await page.getByRole("link", { name: "Keys", exact: true }).click();
    const row = (name) => page.getByRole("row").filter({ hasText: name });
    await row("Sent by a browser").getByText("Exposed").waitFor();
    await row("Found in public").getByText("Leaked").waitFor();
    await row("Found in public").getByText("Restricted").waitFor();
    assert.equal(await row("Sent by a browser").getByText("Leaked").count(), 0);
    assert.equal(await row("Found in public").getByText("Exposed").count(), 0);

    await page.getByRole("link", { name: "Sent by a browser" }).click();
    await page.getByText(`A browser sent this key from ${origin}`).waitFor();
    await heading(page).filter({ hasText: "Exposed" }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "Found in public" }).click();
    await page.getByText(`This key was found in public at ${place}`).waitFor();
    await heading(page).filter({ hasText: "Leaked" }).filter({ hasText: "Restricted" }).waitFor();
    await page.getByText("of its scopes it keeps only: usage.").waitFor();
    // Where it was found is text: an address from elsewhere is not followed by a slip.
    assert.equal(await page.locator(`a[href^="https:"]`).count(), 0);
    await until("it is restricted", () => curl(found.secret) === 403);
    await page.getByRole("button", { name: "Lift the restriction" }).click();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    assert.equal(await page.getByTestId("restriction").count(), 0);
    await heading(page).filter({ hasText: "Leaked" }).waitFor();
    assert.equal(curl(found.secret), 200);

    await page.goto(`${dashboard}#/organizations/shown/audit`);
    await page.getByRole("cell", { name: "Learned that key leaked" }).waitFor();
    await page.getByRole("cell", { name: "Saw key in a browser" }).waitFor();
  });
});

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

describe("status", () => {
  visit("in plain words", async (page) => {
    await signIn(page, ready.admin_key, "#/status");
    await page.getByText("1 second", { exact: true }).waitFor();
    await page.getByText("BOOTSTRAP_TOKEN is set").waitFor();
    await page.getByText("Empty: everything has been passed on.").waitFor();
  });
});

describe("a status that is not well", () => {
  visit("says what is wrong", async (page) => {
    await page.route("**/admin/v1/status", async (route) => {
      const response = await route.fetch();
      const status = await response.json();
      status.relays = [
        { name: "weur-0", answers: true, proof_age_ms: 400 },
        { name: "eeur-0", answers: false, proof_age_ms: null },
      ];
      status.platform.outbox = { appends: 2, publications: 1 };
      await route.fulfill({ response, json: status });
    });
    await signIn(page, ready.admin_key, "#/status");
    await page.getByText("Something needs attention.").waitFor();
    await page.getByText("proof is 0.4 seconds old").waitFor();
    await page.getByText("eeur-0 does not answer").waitFor();
    await page.getByText("2 changes not enforced yet; 1 record not in the cache yet").waitFor();
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
