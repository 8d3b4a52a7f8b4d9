// The dashboard's own verifier, on the exports that the registry's tests pin. It needs
// no page: Node runs the module as it is.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verify } from "../../dashboard/chain.ts";

const file = (name) => readFileSync(new URL(`../registry/audit/${name}`, import.meta.url), "utf8");
const head = (name) => JSON.parse(file(`${name}.head.json`));

/** The text in pieces that end anywhere. */
async function* inPieces(text, length = 777) {
  for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length);
}

test("a whole chain holds, and one whose beginning was dropped", async () => {
  const whole = await verify(inPieces(file("acme.ndjson")), "acme", head("acme"));
  assert.deepEqual([whole.dropped, whole.count, whole.broken], [0, 6, undefined]);
  for (const length of [1, 777, 100_000]) {
    const kept = await verify(inPieces(file("sealed.ndjson"), length), "acme", head("sealed"));
    assert.deepEqual([kept.dropped, kept.count, kept.broken], [3, 7, undefined]);
  }
});

test("what was done to a chain whose beginning was dropped is found", async () => {
  const lines = file("sealed.ndjson").trim().split("\n");
  const broken = async (lines, change = () => {}) => {
    const changed = head("sealed");
    change(changed);
    const { broken } = await verify(inPieces(`${lines.join("\n")}\n`), "acme", changed);
    return broken && [broken.entry, broken.fault];
  };
  assert.deepEqual(await broken(lines.slice(1)), [4, "sequence"]);
  assert.deepEqual(await broken(lines.slice(0, -1)), [7, "head"]);
  assert.deepEqual(await broken([lines[0].replace("Fanø", "Læsø"), ...lines.slice(1)]), [4, "hash"]);
  assert.deepEqual(await broken(lines, (head) => delete head.checkpoint), [1, "sequence"]);
  assert.deepEqual(await broken(lines, (head) => (head.checkpoint.hash = head.hash)), [4, "previous"]);
  const later = JSON.parse(lines[2]);
  const cut = (head) => Object.assign(head.checkpoint, { seq: later.seq, hash: later.hash });
  assert.deepEqual(await broken(lines.slice(3), cut), [8, "unsealed"]);
});

test("a head that was saved before the cut cannot be compared, one from the cut on can", async () => {
  const { checkpoint } = head("sealed");
  const against = async (kept) => {
    const verdict = await verify(inPieces(file("sealed.ndjson")), "acme", head("sealed"), kept);
    return [verdict.keptIsDropped, verdict.broken?.fault];
  };
  const saved = (count, hash) => ({ organization: "acme", count, hash, signature: "" });
  assert.deepEqual(await against(saved(2, "0".repeat(64))), [true, undefined]);
  assert.deepEqual(await against(saved(3, checkpoint.hash)), [false, undefined]);
  assert.deepEqual(await against(saved(3, "0".repeat(64))), [false, "kept_head"]);
  assert.deepEqual(await against(saved(7, head("sealed").hash)), [false, undefined]);
});
