// The scheduled export of docs/operations.md: what it appends is one chain.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { admin, base, issue, organization } from "./support.mjs";

const script = new URL("../../docs/operations/export.sh", import.meta.url).pathname;

const skip = spawnSync("jq", ["--version"]).error ? "jq is not installed" : false;

test("a scheduled export appends what is new, or nothing", { skip }, async () => {
  // An id may begin with a dash.
  await organization("-export", "Exported");
  const { secret: key } = await issue("_platform", "Auditor", {
    environment: "admin",
    scopes: ["organizations:read", "audit:read"],
  });
  const folder = mkdtempSync(`${tmpdir()}/katalo-export-`);
  try {
    const run = (key, url = base) =>
      spawnSync(script, [folder], { env: { PATH: process.env.PATH, KATALO_URL: url, KATALO_KEY: key }, encoding: "utf8" });
    const lines = () => readFileSync(`${folder}/-export.ndjson`, "utf8").trim().split("\n");
    const first = run(key);
    assert.equal(first.status, 0, first.stderr);
    assert.equal(lines().length, 1);
    await issue("-export", "New");
    assert.equal(run(key).status, 0);
    assert.equal(run(key).status, 0);
    const entries = lines().map((line) => JSON.parse(line));
    assert.deepEqual(entries.map(({ seq }) => seq), [1, 2]);
    assert.equal(entries[1].previous, entries[0].hash);
    const head = JSON.parse(readFileSync(`${folder}/-export.head.json`, "utf8"));
    assert.equal(head.count, 2);
    assert.equal(head.hash, entries[1].hash);

    // A refused run says so, and appends nothing.
    await issue("-export", "Newer");
    const refused = run("kat_admin_wrong");
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /401/);
    assert.equal(lines().length, 2);
    assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".part")), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
