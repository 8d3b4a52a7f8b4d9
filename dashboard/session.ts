import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { language, t } from "./text/index.ts";
import { ADMIN_SCOPES, type Session } from "./types.ts";

export const SessionContext = createContext<Session | undefined>(undefined);

/** Whether the signed-in administrator holds a scope. The API decides; this only
 * keeps buttons away that could not work. */
export function useMay(scope: string, org?: string): boolean {
  const session = useContext(SessionContext);
  const needed = org === "_platform" ? "admins:write" : scope;
  return session?.scopes.includes(needed) ?? false;
}

/** A scope to choose, in the words of the page's language where there are any. */
export interface ScopeOption {
  name: string;
  description?: string | undefined;
  dangerous?: boolean;
}

/** What the keys of an organization can be given. */
export function useScopeOptions(ofAdmins: boolean): ScopeOption[] {
  const session = useContext(SessionContext);
  if (!ofAdmins) {
    return (session?.client_scopes ?? []).map(({ name, description, dangerous }) => ({
      name,
      description: description[language()] ?? description.en ?? Object.values(description)[0] ?? t().scope[name],
      dangerous,
    }));
  }
  // Nobody grants what they lack.
  const own = ADMIN_SCOPES.filter((scope) => session?.scopes.includes(scope));
  return own.map((name) => ({ name, description: t().scope[name] }));
}
