// A key in Chromium from its issue to its revocation, as its owners go through it.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { admin, curl, dashboard, heading, issue, organization, ready, shell, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

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
