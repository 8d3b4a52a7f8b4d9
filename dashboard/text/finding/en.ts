import { count } from "../count.ts";

const keys = (n: number) => count("en-GB", n, "key", "keys");

/** Finding keys, orders to many of them, and organizations that were deleted. */
export const finding = {
  key: "Find a key",
  keyLabel: "Key id, or a whole key",
  keyHint: "A whole key is sent to the service and kept nowhere.",
  submit: "Find",
  found: (name: string, organization: string) => `“${name}” is a key of ${organization}.`,
  open: "Open the key",
  secretRight: "The secret is the key's own: whoever has this text can use the key.",
  secretWrong: "The secret is not the key's own: this text opens nothing.",

  copyId: (id: string) => `Copy the id ${id}`,

  environment: "Environment",
  anyEnvironment: "All environments",
  attention: "Attention",
  attentions: {
    "": "All keys",
    unused30: "Unused for 30 days",
    unused90: "Unused for 90 days",
    expiring7: "Ending within 7 days",
    expiring30: "Ending within 30 days",
    exposed: "Exposed or leaked",
  } as Record<string, string>,
  notes: "Notes, such as team=web",

  select: (name: string) => `Select ${name}`,
  selectPage: "Select all on this page",
  selected: (n: number) => `${keys(n)} selected`,
  unselect: "Clear the selection",
  most: "At most 100 keys at a time.",
  disable: "Disable",
  revoke: "Revoke",
  disableTitle: (n: number) => `Disable ${keys(n)}?`,
  revokeTitle: (n: number) => `Revoke ${keys(n)}?`,
  disableLead: (n: number) => `${keys(n)} will be refused everywhere until enabled again, each by itself:`,
  revokeLead: (n: number) => `${keys(n)} will be refused everywhere and for ever. This cannot be undone:`,
  andMore: (n: number) => `and ${n} more`,
  disableSubmit: (n: number) => `Disable ${keys(n)}`,
  revokeSubmit: (n: number) => `Revoke ${keys(n)} for ever`,
  disabled: (n: number) => `${keys(n)} disabled.`,
  revoked: (n: number) => `${keys(n)} revoked.`,
  refused: (n: number) => `Nothing was done to ${keys(n)}:`,
  csv: "CSV",
  csvTitle: "Save the filtered list as a file for a spreadsheet",

  metadata: "Notes",
  metadataHint: "A JSON object of your own, such as {\"team\": \"web\"}. Empty: none.",
  metadataWrong: "This is not a JSON object.",

  audit: "Audit of this key",
  auditLead: (id: string) => `What was done to ${id}, and the rotation that made it.`,
  wholeAudit: "Show the whole audit",
  looked: (n: number, of: number) => `The newest ${n} of ${count("en-GB", of, "entry", "entries")} were searched`,

  shown: "Shown",
  existing: "Existing",
  deleted: "Deleted",
  deletedNote: (when: string, until: string) =>
    `This organization was deleted ${when}. Its records are kept until ${until}; until then it can be restored.`,
  restore: "Restore organization",
  restoreHint: "Its keys stay revoked, and API access stays off until you turn it on: then issue new keys.",
  restored: "The organization is back. Turn API access on in the settings, then issue new keys.",
  noneDeleted: "No organization was deleted.",
  existsDeleted:
    "An organization with this id was deleted, and its records are still kept. Restore it from the list of deleted ones, or choose another id.",
};

export type Finding = typeof finding;
