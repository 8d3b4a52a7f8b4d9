// better-auth's API-key plugin on its in-memory adapter. GET /issue makes a key.
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "@better-auth/memory-adapter";

let auth;

function made(env) {
  auth ??= betterAuth({
    baseURL: "http://keys.example",
    secret: env.JWT_SECRET,
    database: memoryAdapter({ user: [], session: [], account: [], verification: [], apikey: [] }),
    emailAndPassword: { enabled: true },
    logger: { disabled: true },
    telemetry: { enabled: false },
    plugins: [apiKey({ rateLimit: { enabled: false } })],
  });
  return auth;
}

export default {
  async fetch(request, env) {
    const { api } = made(env);
    if (new URL(request.url).pathname === "/issue") {
      const { user } = await api.signUpEmail({
        body: { email: "bench@keys.example", name: "bench", password: "of the bench alone" },
      });
      const { key } = await api.createApiKey({ body: { userId: user.id, name: "bench" } });
      return new Response(key);
    }
    const authorization = request.headers.get("authorization") ?? "";
    const { valid, key } = await api.verifyApiKey({ body: { key: authorization.slice("Bearer ".length) } });
    if (!valid) return new Response(null, { status: 401 });
    return new Response(null, { headers: { "katalo-key-id": key.id, "katalo-organization": key.referenceId ?? key.userId } });
  },
};
