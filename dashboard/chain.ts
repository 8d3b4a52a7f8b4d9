// Verifies an audit chain in the page, as src/registry/audit/verify.rs does:
// every line must be the canonical bytes (RFC 8785) of an entry that carries the
// hash of the one before.

import type { AuditHead } from "./types.ts";

export type Fault = "form" | "sequence" | "previous" | "hash" | "head" | "kept_head";

export interface Verdict {
  count: number;
  hash: string;
  /** The first line that is wrong, from 1. */
  broken?: { line: number; fault: Fault };
}

/** Canonical bytes. Names go by UTF-16 code units, which is how JavaScript sorts;
 * strings are escaped as JSON.stringify does it. There are no fractions. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The lines of a text that comes in pieces, without empty ones. */
async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let begun = "";
  for await (const piece of pieces) {
    const lines = (begun + piece).split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line;
  }
  if (begun !== "") yield begun;
}

/** Verifies all lines of `organization`'s chain against its head, and against an
 * older head that was kept elsewhere, where there is one. The signature of a head
 * is checked by the service, which alone has the key. */
export async function verify(
  pieces: AsyncIterable<string>,
  organization: string,
  head: AuditHead,
  kept?: AuditHead,
): Promise<Verdict> {
  let hash = await sha256(`katalo-keys/1/audit/${organization}`);
  let count = 0;
  let keptHolds = kept === undefined || (kept.organization === organization && kept.count === 0 && kept.hash === hash);
  for await (const line of linesOf(pieces)) {
    const place = count + 1;
    const result = await verifyLine(line, place, hash);
    if ("fault" in result) return { count, hash, broken: { line: place, fault: result.fault } };
    hash = result.hash;
    count = place;
    if (kept?.organization === organization && kept.count === count && kept.hash === hash) keptHolds = true;
  }
  if (head.organization !== organization || head.count !== count || head.hash !== hash) {
    return { count, hash, broken: { line: count + 1, fault: "head" } };
  }
  if (!keptHolds) return { count, hash, broken: { line: Math.min(kept?.count ?? 0, count), fault: "kept_head" } };
  return { count, hash };
}

async function verifyLine(line: string, seq: number, previous: string): Promise<{ hash: string } | { fault: Fault }> {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return { fault: "form" };
  }
  if (entry === null || typeof entry !== "object" || Array.isArray(entry) || canonical(entry) !== line) {
    return { fault: "form" };
  }
  const { hash, ...others } = entry as Record<string, unknown>;
  if (typeof hash !== "string") return { fault: "form" };
  if (others.seq !== seq) return { fault: "sequence" };
  if (others.previous !== previous) return { fault: "previous" };
  if ((await sha256(canonical(others))) !== hash) return { fault: "hash" };
  return { hash };
}
