import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "./types.ts";

export const SessionContext = createContext<Session | undefined>(undefined);

/** Whether the signed-in administrator holds a scope. The API decides; this only
 * keeps buttons away that could not work. */
export function useMay(scope: string, org?: string): boolean {
  const session = useContext(SessionContext);
  const needed = org === "_platform" ? "admins:write" : scope;
  return session?.scopes.includes(needed) ?? false;
}
