// The state of the service in words.

import { describe } from "node:test";
import { ready, signIn, visits } from "./support.mjs";

const { visit } = visits();

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
        { name: "weur-0", answers: true, proof_age_ms: 400, holders: 3, expired_unconfirmed: 2 },
        { name: "eeur-0", answers: false, proof_age_ms: null, holders: null, expired_unconfirmed: null },
      ];
      status.change_log.recent = [
        { confirmed: true, after_ms: 12 },
        { confirmed: true, after_ms: 40 },
        { confirmed: true, after_ms: 9 },
        { confirmed: false, after_ms: 5151 },
        { confirmed: null, after_ms: 3 },
      ];
      status.platform.outbox = { appends: 2, publications: 1 };
      await route.fulfill({ response, json: status });
    });
    await signIn(page, ready.admin_key, "#/status");
    await page.getByText("Something needs attention.").waitFor();
    await page.getByText("proof is 0.4 seconds old").waitFor();
    await page.getByText("2 leases ran out without a confirmation").waitFor();
    await page.getByText("12 ms", { exact: true }).waitFor();
    await page.getByText("3 of the last 5 were enforced this way").waitFor();
    await page.getByText("1 change waited for the freshness bound instead").waitFor();
    await page.getByText("1 change is being enforced now").waitFor();
    await page.getByText("eeur-0 does not answer").waitFor();
    await page.getByText("2 changes not enforced yet; 1 record not in the cache yet").waitFor();
  });
});
