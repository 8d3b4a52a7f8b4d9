// Hono's bearerAuth, with a digest looked up in Workers KV.
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";

const app = new Hono();
const encoder = new TextEncoder();

app.use(
  bearerAuth({
    verifyToken: async (token, c) => {
      const digest = await crypto.subtle.digest("SHA-256", encoder.encode(token));
      const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
      const record = await c.env.KEYS.get(`sha256/${hex}`, "json");
      if (record === null || record.revoked) return false;
      c.set("key", record);
      return true;
    },
  }),
);
app.get("/authorize", (c) => {
  const key = c.get("key");
  c.header("katalo-organization", key.organization);
  c.header("katalo-key-id", key.id);
  c.header("katalo-scopes", key.scopes);
  return c.body(null);
});

export default app;
