// Who is signed in at the dashboard, for how long, and in which tabs.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { admin, base, dashboard, heading, organization, ready, signIn, visits } from "./support.mjs";

const { visit } = visits();

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
