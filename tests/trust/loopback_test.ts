import assert from "node:assert/strict";
import { isLoopback, leadsToLoopback } from "../../src/trust/loopback.ts";
import { test } from "../harness.ts";

const INSIDE = ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"];
const OUTSIDE = ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "127.0.0.1.example.com", "localhost.example.com"];

test("isLoopback() knows all of 127.0.0.0/8 and ::1, and nothing else", () => {
  for (const host of INSIDE) assert.ok(isLoopback(host), host);
  for (const host of [...OUTSIDE, "localhost"]) assert.ok(!isLoopback(host), host);
});

test("leadsToLoopback() knows the name localhost too, and no other name", () => {
  for (const host of [...INSIDE, "localhost", "LOCALHOST"]) assert.ok(leadsToLoopback(host), host);
  for (const host of OUTSIDE) assert.ok(!leadsToLoopback(host), host);
});
