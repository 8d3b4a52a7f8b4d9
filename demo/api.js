// Katalo's five endpoints, for local use: answers what a real API might, and shows the
// identity headers that the gateway sent with the request.
//
//   node demo/api.js [port]

import { createServer } from "node:http";

const endpoints = [
  ["POST", /^\/v1\/catalogs$/, () => [201, { id: "cat_demo", status: "queued" }]],
  ["GET", /^\/v1\/catalogs\/([^/]+)$/, ([id]) => [200, { id, status: "ready", pages: 24 }]],
  ["POST", /^\/v1\/catalogs\/([^/]+)\/regenerate$/, ([id]) => [202, { id, status: "queued" }]],
  ["GET", /^\/v1\/usage$/, () => [200, { catalogs: 12, pages: 288 }]],
  ["GET", /^\/v1\/billing$/, () => [200, { plan: "demo", currency: "EUR", amount: "0.00" }]],
];

function answer(method, path) {
  for (const [allowed, pattern, body] of endpoints) {
    const match = pattern.exec(path);
    if (match && method === allowed) return body(match.slice(1));
  }
  return [404, { error: "no such endpoint" }];
}

const server = createServer((request, response) => {
  request.resume();
  const [status, body] = answer(request.method, request.url.split("?")[0]);
  const identity = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name.startsWith("katalo-")));
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ ...body, identity }));
});
server.listen(Number(process.argv[2] ?? 8788), "127.0.0.1");
