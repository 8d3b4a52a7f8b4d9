// Where one is, in the address's fragment: it is never sent to the server. Only
// ids stand in it.

import { useEffect, useState } from "preact/hooks";

export type Place =
  | { page: "organizations" }
  | { page: "status" }
  | { page: "keys" | "issue" | "settings"; org: string }
  | { page: "audit"; org: string; key?: string }
  | { page: "key"; org: string; key: string }
  | { page: "unknown" };

export function placeOf(hash: string): Place {
  const parts = hash.replace(/^#?\/?/, "").split("/").filter(Boolean).map(decode);
  const [first, org, third, key] = parts;
  if (first === undefined) return { page: "organizations" };
  if (first === "status" && parts.length === 1) return { page: "status" };
  if (first === "organizations" && parts.length === 1) return { page: "organizations" };
  if (first === "organizations" && org) {
    if (third === undefined) return { page: "keys", org };
    if (third === "keys" && parts.length === 3) return { page: "keys", org };
    if (third === "keys" && key && parts.length === 4) return { page: "key", org, key };
    if (third === "audit" && key && parts.length === 4) return { page: "audit", org, key };
    if (parts.length === 3 && (third === "issue" || third === "audit" || third === "settings")) {
      return { page: third, org };
    }
  }
  return { page: "unknown" };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function link(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export const to = {
  organizations: () => link("organizations"),
  status: () => link("status"),
  keys: (org: string) => link("organizations", org, "keys"),
  issue: (org: string) => link("organizations", org, "issue"),
  audit: (org: string, key?: string) => link("organizations", org, "audit", ...(key ? [key] : [])),
  settings: (org: string) => link("organizations", org, "settings"),
  key: (org: string, key: string) => link("organizations", org, "keys", key),
};

export function go(hash: string): void {
  location.hash = hash;
}

export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return placeOf(hash);
}
