// An API that is a Worker itself and asks katalo-keys through a service binding
// who is calling. wrangler.toml beside this file binds it.

interface Env {
  KATALO: { fetch(request: Request): Promise<Response> };
  /** As the keys' Worker has it: lets keys be tied to networks. */
  FORWARD_AUTH_SECRET?: string;
}

interface Caller {
  organization: string;
  keyId: string;
  environment: string;
  scopes: string[];
}

/** The origin that problem documents point to. No request goes there: the
 * binding takes it. */
const KATALO = "https://keys.example.com";

/** Who is calling, or the answer that refuses them, to be returned as it is. */
async function verify(request: Request, env: Env): Promise<Caller | Response> {
  const { pathname, search } = new URL(request.url);
  const headers = new Headers({ "x-original-method": request.method, "x-original-uri": pathname + search });
  // Nothing else of the client's is passed on: it cannot choose what is checked.
  for (const name of ["authorization", "origin", "sec-fetch-site", "sec-fetch-dest"]) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const address = request.headers.get("cf-connecting-ip");
  if (env.FORWARD_AUTH_SECRET !== undefined && address !== null) {
    headers.set("katalo-forward-auth-secret", env.FORWARD_AUTH_SECRET);
    headers.set("katalo-client-address", address);
  }
  const answer = await env.KATALO.fetch(new Request(`${KATALO}/authorize/nginx`, { headers }));
  if (answer.status !== 200) return answer;
  const said = (name: string) => answer.headers.get(name) ?? "";
  return {
    organization: said("katalo-organization"),
    keyId: said("katalo-key-id"),
    environment: said("katalo-environment"),
    scopes: said("katalo-scopes").split(" "),
  };
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const caller = await verify(request, env);
    if (caller instanceof Response) return caller;
    return Response.json({ hello: caller });
  },
};
