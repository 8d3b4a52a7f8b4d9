// Verifies an audit chain in the page, as src/registry/audit/verify.rs does:
// every line must be the canonical bytes (RFC 8785) of an entry that carries the
// hash of the one before.

import type { AuditCheckpoint, AuditHead } from "./types.ts";

export type Fault = "form" | "sequence" | "previous" | "hash" | "head" | "unsealed" | "kept_head";

export interface Verdict {
  /** The last entry that was dropped before; 0 where all are there. */
  dropped: number;
  /** The last entry. */
  count: number;
  hash: string;
  /** Whether the older head lies before what is kept, and cannot be compared. */
  keptIsDropped: boolean;
  /** The first entry that is wrong. */
  broken?: { entry: number; fault: Fault };
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

/** Verifies all lines of `organization`'s chain against its head, from its beginning or
 * the head's checkpoint on, and against an older head that was kept elsewhere, where
 * there is one. The signatures can be checked by the service alone, which has the key. */
export async function verify(
  pieces: AsyncIterable<string>,
  organization: string,
  head: AuditHead,
  kept?: AuditHead,
): Promise<Verdict> {
  const from = head.checkpoint;
  let hash = from?.hash ?? (await sha256(`katalo-keys/1/audit/${organization}`));
  let count = from?.seq ?? 0;
  const dropped = count;
  let isSealed = from === undefined;
  const keptIsDropped = kept?.organization === organization && kept.count < dropped;
  const isKept = () => kept?.organization === organization && kept.count === count && kept.hash === hash;
  let keptHolds = kept === undefined || keptIsDropped || isKept();
  const broken = (entry: number, fault: Fault) => ({ dropped, count, hash, keptIsDropped, broken: { entry, fault } });
  for await (const line of linesOf(pieces)) {
    const result = await verifyLine(line, count + 1, hash);
    if ("fault" in result) return broken(count + 1, result.fault);
    hash = result.hash;
    count += 1;
    isSealed ||= from !== undefined && tellsOf(result.entry, from);
    keptHolds ||= isKept();
  }
  if (head.organization !== organization || head.count !== count || head.hash !== hash) return broken(count + 1, "head");
  if (!isSealed) return broken(count + 1, "unsealed");
  if (!keptHolds) return broken(Math.min(kept?.count ?? 0, count), "kept_head");
  return { dropped, count, hash, keptIsDropped };
}

/** Whether an entry puts on record that all up to a checkpoint was dropped. */
function tellsOf(entry: Record<string, unknown>, { seq, hash }: AuditCheckpoint): boolean {
  const after = entry.after as { seq?: unknown; hash?: unknown } | null;
  return entry.action === "audit.sealed" && after?.seq === seq && after.hash === hash;
}

async function verifyLine(line: string, seq: number, previous: string): Promise<{ hash: string; entry: Record<string, unknown> } | { fault: Fault }> {
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
  return { hash, entry: others };
}
