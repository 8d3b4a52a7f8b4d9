// Hono's jwt: no look-up at all, and no way to revoke.
import { Hono } from "hono";
import { jwt } from "hono/jwt";

const app = new Hono();
app.use((c, next) => jwt({ secret: c.env.JWT_SECRET, alg: "HS256" })(c, next));
app.get("/authorize", (c) => {
  const claims = c.get("jwtPayload");
  c.header("katalo-organization", claims.organization);
  c.header("katalo-key-id", claims.sub);
  c.header("katalo-scopes", claims.scope);
  return c.body(null);
});

export default app;
