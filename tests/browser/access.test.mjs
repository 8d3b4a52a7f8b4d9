// Every page and dialog of the dashboard passes, in every view.

import { describe } from "node:test";
import { check, VIEWS } from "./accessible.mjs";
import { admin, dashboard, issue, organization, signIn, until, visits } from "./support.mjs";

const { visit } = visits();
async function furnish() {
  await organization("axe", "A house of many keys, with a name that takes its room");
  await organization("axe-issue", "Issue");
  await admin("PUT", "/organizations/axe-off", { name: "Off", api_access: "disabled" });
  const { items } = (await admin("GET", "/organizations/axe/keys?limit=200")).body;
  if (items.length === 0) {
    await issue("axe", "Webshop import", { metadata: { team: "catalog" }, allowed_ips: ["2001:db8:1234:5678::/64"] });
    const off = await issue("axe", "Paused");
    await admin("POST", `/organizations/axe/keys/${off.key.id}/disable`, {});
    const gone = await issue("axe", "AVeryLongNameWithoutAnySpaceInItWhichMustBreakSomewhereOrItRunsOutOfTheScreenEntirely");
    await admin("POST", `/organizations/axe/keys/${gone.key.id}/revoke`, { reason: "superseded" });
    const old = await issue("axe", "Nightly export");
    await admin("POST", `/organizations/axe/keys/${old.key.id}/rotate`, {});
    for (let n = 0; n < 20; n += 1) await issue("axe", `Integration ${n}`);
  }
  return (await admin("GET", "/organizations/axe/keys?limit=200")).body.items;
}

describe("accessible", () => {
  for (const view of VIEWS) {
    visit(
      `${view.locale}, ${view.colorScheme}, ${view.viewport.width} px`,
      async (page) => {
        const keys = await furnish();
        await organization(`axe-empty-${view.colorScheme}-${view.locale.toLowerCase()}`, "Empty");
        const one = (test) => `#/organizations/axe/keys/${keys.find(test).id}`;
        const da = view.locale === "da-DK";
        const button = (en, danish) => page.getByRole("button", { name: da ? danish : en, exact: true });

        await page.goto(dashboard);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await check(page, "sign-in");
        await button("Sign in", "Log ind").click();
        await check(page, "sign-in with what is wrong");
        await signIn(page);
        for (const place of [
          "",
          "#/organizations/axe/keys",
          `#/organizations/axe-empty-${view.colorScheme}-${view.locale.toLowerCase()}/keys`,
          "#/organizations/axe-off/keys",
          "#/organizations/axe/issue",
          one((key) => key.name === "Webshop import"),
          one((key) => key.state === "retiring"),
          one((key) => key.state === "revoked"),
          "#/organizations/axe/audit",
          "#/organizations/axe/settings",
          "#/organizations/_platform/keys",
          "#/organizations/_platform/issue",
          "#/status",
          "#/nowhere",
          "#/organizations/missing/keys",
        ]) {
          await page.goto(dashboard + place);
          await page.locator("h1, .note.bad").first().waitFor();
          await until("all is loaded", async () => (await page.locator(".loading").count()) === 0);
          await check(page, place || "organizations");
        }

        const dialog = page.getByRole("dialog");
        const closed = () => dialog.waitFor({ state: "detached" });
        await page.goto(dashboard);
        await button("Create organization", "Opret organisation").click();
        await check(page, "create");
        await page.keyboard.press("Escape");
        await closed();
        await page.goto(dashboard + one((key) => key.name === "Integration 19"));
        for (const [en, danish] of [
          ["Edit", "Redigér"],
          ["Change limits", "Ændr grænser"],
          ["Disable", "Deaktivér"],
          ["Revoke", "Tilbagekald"],
          ["Rotate", "Rotér"],
        ]) {
          await button(en, danish).click();
          await dialog.waitFor();
          await check(page, en);
          if (en === "Rotate") break;
          await page.keyboard.press("Escape");
          await closed();
        }
        await page.keyboard.press("Escape");
        await closed();
        await page.goto(`${dashboard}#/organizations/axe/settings`);
        await button("Turn API access off", "Slå API-adgang fra").click();
        await check(page, "access off");
        await page.keyboard.press("Escape");
        await closed();
        await button("Revoke all keys", "Tilbagekald alle nøgler").click();
        await check(page, "revoke all");
        await page.keyboard.press("Escape");
        await closed();
        await page.goto(`${dashboard}#/organizations/axe/audit`);
        await page.getByRole("button", { name: da ? "Detaljer" : "Details" }).first().click();
        await button("Verify chain", "Kontrollér kæden").click();
        await page.locator(".note.good").waitFor();
        await check(page, "verified audit");

        await page.goto(`${dashboard}#/organizations/axe-issue/issue`);
        await page.getByLabel(da ? "Navn" : "Name").fill("For the secret");
        await page.getByRole("checkbox").first().check();
        await button("Issue key", "Udsted nøgle").click();
        await page.getByTestId("secret").waitFor();
        await check(page, "secret");
        await page.getByRole("checkbox", { name: da ? "Jeg har gemt den" : "I have stored it" }).check();
        await button("Done", "Færdig").click();
        await page.context().clearCookies();
        await dialog.waitFor();
        await check(page, "session over");
      },
      view,
    );
  }
});
