import type { Plan } from "./katalo_keys.js";

/** Carries a plan out. `judge` says whether a header stays behind, `refuse` makes the
 * answer where there is none. */
export function forward(
  request: Request,
  env: Env,
  plan: Plan,
  judge: (name: string, isOfRequest: boolean) => boolean,
  refuse: (code: "upstream_timeout" | "upstream_unavailable") => Response,
): Promise<Response>;
