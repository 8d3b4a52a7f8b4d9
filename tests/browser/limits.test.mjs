// Limits of keys and organizations: set, shown, told of.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { begunAt, placeOf, usedUpAt } from "../../dashboard/limits.ts";
import { check } from "./accessible.mjs";
import { admin, curl, issue, organization, ready, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

describe("an outlook", () => {
  const at = (time) => Date.parse(time);

  test("goes on as the window went so far", () => {
    const begun = begunAt("month", "2026-12-01T00:00:00Z", "2026-01-01T00:00:00Z");
    assert.equal(begun, at("2026-11-01T00:00:00Z"));
    const standing = { name: "m", limit: 1_000, remaining: 500 };
    assert.equal(usedUpAt(standing, begun, at("2026-11-13T12:00:00Z")), at("2026-11-26T00:00:00Z"));
    assert.equal(usedUpAt({ ...standing, remaining: 1_000 }, begun, at("2026-11-13T12:00:00Z")), undefined);
    assert.equal(usedUpAt({ ...standing, remaining: 0 }, begun, at("2026-11-13T12:00:00Z")), undefined);
  });

  test("counts from the day on which the key was made", () => {
    assert.equal(begunAt("month", "2026-12-01T00:00:00Z", "2026-11-20T00:00:00Z"), at("2026-11-20T00:00:00Z"));
    assert.equal(begunAt("day", "2026-11-21T08:00:00Z", "2026-01-01T00:00:00Z"), at("2026-11-20T08:00:00Z"));
    assert.equal(begunAt("forever", undefined, "2026-11-20T00:00:00Z"), at("2026-11-20T00:00:00Z"));
  });
});

test("what the API says stands at the field that it names", () => {
  const drafts = [
    { id: "1", kind: "rate", name: "burst", zone: "Mars/Olympus" },
    { id: "2", kind: "quota", name: "monthly", zone: "Mars/Olympus" },
  ];
  const place = (detail) => placeOf(detail, drafts);
  assert.deepEqual(place("limit burst: `burst` must be at least 26 at this precision"), { id: "1", field: "burst" });
  assert.deepEqual(place("`limits`: limit monthly: a quota for ever does not begin anew"), { id: "2", field: "limit" });
  assert.deepEqual(place("unknown time zone Mars/Olympus"), { id: "2", field: "zone" });
  assert.equal(place("The body is not JSON."), undefined);
});

describe("limits", () => {
  visit("of a key are set, held to, shown and taken away; of its organization too", async (page) => {
    await organization("held", "Held");
    const { key, secret } = await issue("held", "Limited shop");
    await signIn(page, ready.admin_key, `#/organizations/held/keys/${key.id}`);
    const card = page.getByRole("region", { name: "Limits" });
    await card.getByText("None: requests are not counted").waitFor();

    // The page sees what is wrong by itself, and then shows what the API says, both at
    // their fields.
    await card.getByRole("button", { name: "Change limits" }).click();
    const dialog = page.getByRole("dialog");
    const save = () => dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("button", { name: "Add a quota" }).click();
    const quota = dialog.getByRole("group", { name: /^Quota/ });
    await save();
    await quota.getByText("1 to 32 of a–z").waitFor();
    await quota.getByLabel("Name").fill("monthly");
    await quota.getByLabel("Units").fill("40");
    await quota.getByLabel("Time zone").fill("Mars/Olympus");
    await quota.getByLabel("Precision").selectOption("Strict");
    await quota.getByText("every request waits for one question").waitFor();
    await save();
    await quota.getByText(/unknown time zone Mars\/Olympus/).waitFor();
    assert.equal(await quota.getByLabel("Time zone").getAttribute("aria-invalid"), "true");
    await quota.getByLabel("Time zone").fill("Europe/Copenhagen");
    await dialog.getByRole("button", { name: "Add a rate" }).click();
    const rate = dialog.getByRole("group", { name: /^Rate/ });
    await rate.getByLabel("Name").fill("flood");
    await rate.getByLabel("Units").fill("1000");
    await rate.getByLabel("Window").fill("86400");
    await rate.getByLabel("Burst").fill("0");
    await save();
    await rate.getByText("A whole number from 1").waitFor();
    await check(page, "limits with what is wrong");
    await rate.getByLabel("Burst").fill("500");
    await save();
    await page.getByText(/Enforced everywhere, after/).waitFor();
    const { limits } = (await admin("GET", `/organizations/held/keys/${key.id}`)).body;
    assert.deepEqual(
      limits.map(({ name, limit, precision, time_zone: zone, burst }) => [name, limit, precision, zone, burst]),
      [
        ["monthly", 40, "strict", "Europe/Copenhagen", undefined],
        ["flood", 1_000, "leased", undefined, 500],
      ],
    );

    // Spent, and told.
    const monthly = card.locator('[data-limit="monthly"]');
    await card.getByText("1,000 units in 1 day, and 500 more in a burst").waitFor();
    await monthly.getByText("40 units a month, from day 1 at 00:00 Europe/Copenhagen").waitFor();
    for (let call = 0; call < 10; call += 1) assert.equal(curl(secret), 200);
    await monthly.getByText("30 of 40 left").waitFor();
    await monthly.getByText(/Used up on .* at this pace/).waitFor();
    for (let call = 0; call < 30; call += 1) assert.equal(curl(secret), 200);
    assert.equal(curl(secret), 429);
    await monthly.getByText("Used up.").waitFor();
    await monthly.getByText("Begins anew").waitFor();
    await check(page, "a key that is limited");
    const usage = page.getByRole("region", { name: "Usage" });
    await usage.getByRole("button", { name: "Outcome" }).click();
    await usage.getByText("quota used up").first().waitFor();

    // Who was limited, and the pool of all keys.
    await page.goto(page.url().replace(/#.*/, "#/organizations/held/settings"));
    const refused = card.getByRole("row").filter({ hasText: key.id });
    await refused.getByText("quota used up").waitFor();
    await check(page, "who was limited");
    await card.getByRole("button", { name: "Change limits" }).click();
    await dialog.getByRole("button", { name: "Add a quota" }).click();
    await quota.getByLabel("Name").fill("pool");
    await quota.getByLabel("Units").fill("5000");
    await quota.getByLabel("For").selectOption("ever");
    assert.equal(await quota.getByLabel("Time zone").count(), 0);
    await save();
    await card.getByText("5,000 units in all").waitFor();
    await page.goto(page.url().replace(/#.*/, `#/organizations/held/keys/${key.id}`));
    await card.locator('[data-limit="pool"]').getByText("of the organization").waitFor();

    // One is removed, the other stays.
    await card.getByRole("button", { name: "Change limits" }).click();
    await dialog.getByRole("button", { name: "Remove limit monthly" }).click();
    await save();
    await monthly.waitFor({ state: "detached" });
    await until("it is let in again", () => curl(secret) === 200);
    const left = (await admin("GET", `/organizations/held/keys/${key.id}`)).body.limits;
    assert.deepEqual(left.map(({ name }) => name), ["flood"]);
  });

  visit("can be given with a new key", async (page) => {
    await organization("begun", "Begun");
    await signIn(page, ready.admin_key, "#/organizations/begun/issue");
    await page.getByLabel("Name").fill("Import");
    await page.getByRole("checkbox", { name: /^read / }).check();
    await page.getByRole("button", { name: "Add a rate" }).click();
    const rate = page.getByRole("group", { name: /^Rate/ });
    await page.getByRole("button", { name: "Issue key" }).click();
    await rate.getByText("1 to 32 of a–z").waitFor();
    await rate.getByLabel("Name").fill("burst");
    await rate.getByLabel("Units").fill("100");
    await page.getByRole("button", { name: "Issue key" }).click();
    await page.getByText("Store this secret now").waitFor();
    const { items } = (await admin("GET", "/organizations/begun/keys")).body;
    assert.deepEqual(items[0].limits.map(({ name, window_seconds: seconds }) => [name, seconds]), [["burst", 60]]);
  });
});
