// What the browser tests share: the running service, a browser, calls to the API.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

/** How long a test waits for what is to come, in milliseconds: as long as a machine may
 * need that does much else. Only a test that fails waits so long. */
const PATIENCE = 120_000;

/** base_url, admin_key, organization, key_id, key */
export const ready = JSON.parse(readFileSync(process.env.KATALO_READY, "utf8"));
export const base = ready.base_url;
export const dashboard = `${base}/dashboard/`;

/** Chromium as the system has it. */
export function launch(...more) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? execFileSync("which", ["chromium"], { encoding: "utf8" }).trim(),
    args: ["--no-sandbox", ...more],
  });
}

/** A browser context, as a person has it who was never here; it fails the test on
 * any error of the page, any breach of its policy and any request elsewhere. */
export async function person(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "Europe/Copenhagen",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  const faults = [];
  context.on("page", (page) => {
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      const text = message.text();
      if (/Content Security Policy|Refused to/.test(text)) faults.push(text);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(base) && !url.startsWith("blob:") && !url.startsWith("data:")) faults.push(`request to ${url}`);
    });
  });
  context.setDefaultTimeout(PATIENCE);
  return { context, faults, page: await context.newPage() };
}

/** A browser for the tests of a file. A visit is one person's: no error of the page,
 * no breach of its policy and no request elsewhere may happen in it. */
export function visits() {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());
  const visit = (name, run, { todo, expected = () => false, ...options } = {}) =>
    test(name, { todo }, async () => {
      const { context, faults, page } = await person(browser, options);
      try {
        await run(page, context);
      } finally {
        await context.close();
      }
      assert.deepEqual(faults.filter((fault) => !expected(fault)), []);
    });
  return { visit };
}

export async function signIn(page, key = ready.admin_key, place = "") {
  await page.goto(dashboard + place);
  await page.getByLabel(/^(Admin key|Adminnøgle)/).fill(key);
  await page.getByRole("button", { name: /^(Sign in|Log ind)$/ }).click();
  await page.getByRole("button", { name: /^(Sign out|Log ud)$/ }).waitFor();
}

/** The heading's text, without its badge. */
export const heading = (page) => page.getByRole("heading", { level: 1 });

/** The admin API, as another administrator's script. */
export async function admin(method, path, body, key = ready.admin_key) {
  const response = await fetch(`${base}/admin/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

export async function organization(id, name) {
  const { status } = await admin("PUT", `/organizations/${id}`, { name, api_access: "enabled" });
  assert.ok(status === 201 || status === 200, `organization ${id}: ${status}`);
}

export async function issue(org, name, more = {}) {
  const { status, body } = await admin("POST", `/organizations/${org}/keys`, {
    name,
    environment: "live",
    scopes: ["read", "usage"],
    ...more,
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

/** Runs curl as a shell does, with these variables in its environment. */
export function shell(line, environment = {}) {
  return execFileSync("sh", ["-c", line], {
    encoding: "utf8",
    env: { PATH: process.env.PATH, ...environment },
  });
}

/** The status of a call with this key, by curl. */
export const curl = (key, path = "/v1/catalogs/cat_demo") =>
  Number(
    shell(`curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $KATALO_API_KEY" ${base}${path}`, {
      KATALO_API_KEY: key,
    }),
  );

export const until = async (what, test) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    if (await test()) return;
    if (Date.now() > end) assert.fail(`waited in vain: ${what}`);
    await new Promise((resume) => setTimeout(resume, 200));
  }
};
