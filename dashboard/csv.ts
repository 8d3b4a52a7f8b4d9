// Lists as files for spreadsheets (RFC 4180).

import type { Key } from "./types.ts";

/** What makes a spreadsheet take a cell for a formula, in wide forms too. */
const FORMULA = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;

/** Every cell in quotes. One that would be a formula, since somebody named a key so,
 * begins with an apostrophe: spreadsheets show it as text. */
function cell(text: string): string {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return `"${harmless.replaceAll('"', '""')}"`;
}

const COLUMNS: [string, (key: Key) => string | null][] = [
  ["id", (key) => key.id],
  ["organization", (key) => key.organization],
  ["name", (key) => key.name],
  ["environment", (key) => key.environment],
  ["state", (key) => key.state],
  ["scopes", (key) => key.scopes.join(" ")],
  ["created_at", (key) => key.created_at],
  ["created_by", (key) => key.created_by.name ?? key.created_by.id ?? key.created_by.kind],
  ["last_used_at", (key) => key.last_used_at],
  ["expires_at", (key) => key.expires_at],
  ["retires_at", (key) => key.retires_at],
  ["exposed_at", (key) => key.exposed_at],
  ["leaked_at", (key) => key.leaked_at],
  ["revoked_at", (key) => key.revoked_at],
  ["revocation_reason", (key) => key.revocation_reason],
  ["allowed_ips", (key) => key.allowed_ips.join(" ")],
  ["metadata", (key) => (Object.keys(key.metadata).length > 0 ? JSON.stringify(key.metadata) : null)],
];

/** Keys under the names that the API gives their members. */
export function csvOfKeys(keys: Key[]): string {
  const rows = [COLUMNS.map(([name]) => name), ...keys.map((key) => COLUMNS.map(([, read]) => read(key) ?? ""))];
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
