import assert from "node:assert/strict";
import fc from "fast-check";
import { hostKeys } from "../../src/http/host.ts";
import { covers } from "../../src/tunnel/http_hosts.ts";
import { canonicalPrefix, isBelow, resolvePath } from "../../src/tunnel/http_paths.ts";
import { HttpRouter } from "../../src/tunnel/http_router.ts";
import { test } from "../harness.ts";
import { runs } from "../mux/support.ts";
import { RouterModel } from "./http_router_model.ts";

type Rows = readonly (readonly [hosts: string[], paths: string[], holder: string, owner?: string])[];

function routerWith(rows: Rows): HttpRouter<string> {
  const router = new HttpRouter<string>();
  for (const [hosts, paths, holder, owner = "ann"] of rows) {
    assert.equal(router.claim({ hosts, paths, owner, holder }), undefined, holder);
  }
  return router;
}

test("HttpRouter.find() takes the host itself first, then the longest pattern above it", () => {
  const router = routerWith([
    [["*.example.com"], ["/"], "wide"],
    [["*.a.example.com"], ["/"], "narrow"],
    [["b.a.example.com"], ["/"], "exact"],
    [["example.com"], ["/"], "apex"],
    [["*.c.a.example.com"], ["/"], "narrowest"],
  ]);
  const expected = {
    "example.com": "apex",
    "x.example.com": "wide",
    "a.example.com": "wide",
    "x.a.example.com": "narrow",
    "b.a.example.com": "exact",
    "x.b.a.example.com": "narrow",
    "c.a.example.com": "narrow",
    "x.y.c.a.example.com": "narrowest",
    "xexample.com": undefined,
    "com": undefined,
    "example.com.evil": undefined,
  };
  for (const [host, holder] of Object.entries(expected)) {
    assert.equal(router.find(host, "/"), holder, host);
  }
});

test("HttpRouter.find() takes the longest path, by whole segments, without the query", () => {
  const router = routerWith([
    [["h"], ["/"], "root"],
    [["h"], ["/api", "/files"], "api"],
    [["h"], ["/api/v2"], "v2"],
    [["only"], ["/api"], "only"],
  ]);
  const expected: [string, string | undefined][] = [
    ["/", "root"],
    ["/?/api", "root"],
    ["/apix", "root"],
    ["/api", "api"],
    ["/api?x=/api/v2", "api"],
    ["/api/", "api"],
    ["/api/v2", "v2"],
    ["/api/v2/x?y", "v2"],
    ["/api/v20", "api"],
    ["/files/a", "api"],
    ["*", "root"],
  ];
  for (const [target, holder] of expected) assert.equal(router.find("h", target), holder, target);
  assert.equal(router.find("only", "/api/x"), "only");
  for (const target of ["/", "/apix", "*"]) assert.equal(router.find("only", target), undefined, target);
});

test("A path that a service could read as one of another service leads nowhere", () => {
  const router = routerWith([[["h"], ["/"], "root"], [["h"], ["/admin"], "admin"]]);
  const ambiguous = [
    "/x/../admin",
    "/x/%2e%2E/admin",
    "/x/..%2fadmin",
    "/%61dmin",
    "/admin/../x",
    "//admin",
    "/./admin",
    "/admin;v=1",
    "/x/..;/admin",
    "/x%5c..%5cadmin",
    "/admin/..",
    "/admin/%2e%2e",
    "/admin%zz/../..",
    "/x/%/../admin",
    "/%c0/../admin",
    "/admin%00",
    "/ADMIN",
    "/Admin/x",
    "/x/../aDMIN",
    "/%41DMIN",
  ];
  for (const target of ambiguous) {
    assert.equal(router.find("h", target), undefined, target);
    assert.equal(router.find("h", `${target}?q`), undefined, target);
  }
  // What leads to the same service either way passes.
  for (const target of ["/a//b", "/a/../b", "/a%20b", "/a;b", "/a/%2e%2e/b?x=../admin", "/?../admin"]) {
    assert.equal(router.find("h", target), "root", target);
  }
  for (const target of ["/admin/a//b", "/admin/a/../b", "/admin/%61", "/admin/;b"]) {
    assert.equal(router.find("h", target), "admin", target);
  }
  for (const target of ["/admin/X", "/admin/ADMIN"]) assert.equal(router.find("h", target), "admin", target);
  for (const target of ["/ADMINS", "/X"]) assert.equal(router.find("h", target), "root", target);
  const cases = routerWith([[["h"], ["/a"], "lower"], [["h"], ["/A"], "upper"], [["h"], ["/a/b"], "below"]]);
  assert.deepEqual(["/a/x", "/A/x", "/a/b", "/A/b"].map((target) => cases.find("h", target)), [
    "lower",
    "upper",
    "below",
    undefined,
  ]);
  // With one service for the whole host there is nothing to confuse.
  const one = routerWith([[["h"], ["/"], "root"]]);
  for (const target of ambiguous) assert.equal(one.find("h", target), "root", target);
});

test("A host belongs to one owner, with all its paths; patterns guard what lies below them", () => {
  const router = routerWith([
    [["app.example.com"], ["/a"], "one"],
    [["*.pool.example.com"], ["/"], "pool"],
  ]);
  const bob = (hosts: string[], paths = ["/"]): unknown =>
    router.claim({ hosts, paths, owner: "bob", holder: "bob" });
  const ann = (hosts: string[], paths = ["/"]): unknown =>
    router.claim({ hosts, paths, owner: "ann", holder: "two" });
  const app = "app.example.com";
  assert.deepEqual(bob([app], ["/b"]), { host: app, by: app, path: undefined });
  assert.deepEqual(ann([app], ["/b", "/a"]), { host: app, by: app, path: "/a" });
  const pool = "*.pool.example.com";
  for (const host of ["x.pool.example.com", "y.x.pool.example.com", "*.x.pool.example.com"]) {
    assert.deepEqual(bob([host]), { host, by: pool, path: undefined });
  }
  assert.deepEqual(bob([pool]), { host: pool, by: pool, path: undefined });
  assert.equal(ann(["x.pool.example.com", app], ["/b"]), undefined, "one's own");
  // A wider pattern takes nothing away from those who were there.
  assert.equal(bob(["*.example.com"]), undefined);
  assert.equal(router.find(app, "/a"), "one");
  assert.equal(router.find(app, "/c"), undefined, "and a host that somebody has is not looked for above it");
  assert.equal(router.find("z.pool.example.com", "/"), "pool");
  assert.equal(router.find("z.example.com", "/"), "bob");
});

test("HttpRouter.claim() replaces what the holder had, or leaves it as it was", () => {
  const router = routerWith([[["a", "b"], ["/"], "one"], [["c"], ["/"], "two", "bob"]]);
  const claim = { hosts: ["a", "c"], paths: ["/x"], owner: "ann", holder: "one" };
  assert.deepEqual(router.claim(claim), { host: "c", by: "c", path: undefined });
  assert.deepEqual(["a", "b", "c"].map((host) => router.find(host, "/")), ["one", "one", "two"]);
  assert.equal(router.size, 3);
  assert.equal(router.claim({ ...claim, hosts: ["a", "d"] }), undefined);
  assert.deepEqual(["a", "b", "d"].map((host) => router.find(host, "/x")), ["one", undefined, "one"]);
  assert.equal(router.find("a", "/"), undefined);
  router.release("one");
  router.release("one");
  assert.equal(router.find("a", "/x"), undefined);
  router.release("two");
  assert.equal(router.size, 0);
});

const label = fc.constantFrom("a", "b", "c");
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const pattern = fc.tuple(fc.boolean(), host).map(([wild, name]) => wild ? `*.${name}` : name);
const prefix = fc.array(label, { maxLength: 3 }).map((segments) => `/${segments.join("/")}`);
const step = fc.record({
  release: fc.integer({ min: 0, max: 3 }).map((roll) => roll === 0),
  hosts: fc.uniqueArray(pattern, { minLength: 1, maxLength: 3 }),
  paths: fc.uniqueArray(prefix, { minLength: 1, maxLength: 3 }),
  owner: fc.constantFrom("ann", "bob"),
  holder: fc.constantFrom("1", "2", "3", "4", "5"),
});

test("HttpRouter does what a naive list does, whatever is claimed and released", () => {
  const run = fc.property(
    fc.array(step, { maxLength: 30 }),
    fc.array(fc.tuple(host, prefix), { maxLength: 20 }),
    (steps, questions) => {
      const router = new HttpRouter<string>();
      const model = new RouterModel();
      for (const { release, holder, ...claim } of steps) {
        const named = { ...claim, holder: `${claim.owner}${holder}` };
        if (release) {
          router.release(named.holder);
          model.release(named.holder);
        } else assert.equal(router.claim(named) === undefined, model.claim(named));
        assert.equal(router.size, model.size);
        for (const [name, path] of questions) {
          assert.equal(router.find(name, path), model.find(name, path), `${name}${path}`);
        }
      }
    },
  );
  fc.assert(run, { numRuns: runs(300) });
});

test("A pattern covers a host exactly when it is one of the host's keys", () => {
  fc.assert(fc.property(pattern, host, (one, name) => {
    assert.equal(covers(one, name), [...hostKeys(name)].includes(one), `${one} ${name}`);
  }));
});

test("Prefixes are plain, begin with a slash and lose one at their end", () => {
  const good = {
    "/": "/",
    "/api": "/api",
    "/api/": "/api",
    "/a.b/c-d_e~f/": "/a.b/c-d_e~f",
    "/@x/:y": "/@x/:y",
  };
  for (const [text, canonical] of Object.entries(good)) assert.equal(canonicalPrefix(text), canonical, text);
  const bad = [
    "",
    "api",
    "*",
    "//",
    "/a//b",
    "/./a",
    "/..",
    "/a/..",
    "/a/.",
    "/%61",
    "/a;b",
    "/a?b",
    "/a#b",
    "/a b",
  ];
  for (const text of [...bad, "/\u00e9", "/a\n", "/a\\b"]) {
    assert.equal(canonicalPrefix(text), undefined, text);
  }
});

test("A path lies below a canonical prefix exactly when its segments begin with those of the prefix", () => {
  fc.assert(fc.property(prefix, prefix, (path, start) => {
    const segments = (text: string): string[] => text.split("/").filter((part) => part !== "");
    const naive = segments(start).every((segment, index) => segments(path)[index] === segment);
    assert.equal(isBelow(path, start), naive, `${path} ${start}`);
    assert.equal(resolvePath(path), path, "a plain path is what it says");
  }));
});
