// What the dashboard says of a key that others have seen, and what is done about it.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { reportLeak } from "./reporter.mjs";
import { admin, base, curl, dashboard, heading, issue, organization, ready, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

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
