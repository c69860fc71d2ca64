import assert from "node:assert/strict";
import fc from "fast-check";
import { commonPorts, matchesName, scopeRefusal } from "../../src/tunnel/scope.ts";
import { test } from "../harness.ts";

test("matchesName() takes what a pattern stands for, and nothing else", () => {
  const yes = [["web", "web"], ["web*", "web"], ["web*", "web-1"], ["*", ""], ["*-db", "x-db"], [
    "a*b*c",
    "a1b2c",
  ]];
  const no = [["web", "web1"], ["web*", "we"], ["*-db", "-dbx"], ["a*b*c", "acb"], ["ab*ba", "aba"], [
    "w.b",
    "wxb",
  ]];
  for (const [pattern = "", name = ""] of yes) {
    assert.equal(matchesName(pattern, name), true, `${pattern} ${name}`);
  }
  for (const [pattern = "", name = ""] of no) {
    assert.equal(matchesName(pattern, name), false, `${pattern} ${name}`);
  }
});

test("matchesName() agrees with a regular expression", () => {
  const word = (letters: string[]): fc.Arbitrary<string> =>
    fc.array(fc.constantFrom(...letters), { maxLength: 7 }).map((parts) => parts.join(""));
  fc.assert(fc.property(word(["a", "b", "*"]), word(["a", "b"]), (pattern, name) => {
    const oracle = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
    assert.equal(matchesName(pattern, name), oracle.test(name));
  }));
});

test("A scope that says nothing permits everything; each part of it restricts", () => {
  const web = { name: "web", kind: "http" as const, hosts: ["app.example.com"] };
  const ssh = { name: "ssh", kind: "tcp" as const, port: 6000 };
  for (const service of [web, ssh]) assert.equal(scopeRefusal({}, service), undefined);
  assert.equal(scopeRefusal({ kinds: ["http"], services: ["w*"], hosts: ["*.example.com"] }, web), undefined);
  assert.match(scopeRefusal({ kinds: ["tcp"] }, web) ?? "", /kind http are not permitted, only tcp/);
  assert.match(scopeRefusal({ services: ["a", "b*"] }, web) ?? "", /name web is not permitted, only a, b\*/);
  for (const host of ["example.com", "app.example.org", "*.com", "*.example.org"]) {
    const service = { ...web, hosts: ["app.example.com", host] };
    assert.match(
      scopeRefusal({ hosts: ["*.example.com"] }, service) ?? "",
      /is not permitted, only \*\.example/,
    );
  }
  assert.equal(scopeRefusal({ hosts: ["*.example.com"] }, { ...web, hosts: ["*.example.com"] }), undefined);
  const ports = [{ from: 6000, to: 6010 }];
  for (const port of [6000, 6010]) assert.equal(scopeRefusal({ ports }, { ...ssh, port }), undefined);
  for (const port of [5999, 6011]) {
    assert.match(
      scopeRefusal({ ports }, { ...ssh, port }) ?? "",
      new RegExp(`Port ${port} .* only 6000-6010`),
    );
  }
  assert.equal(
    scopeRefusal({ ports }, { ...ssh, port: undefined }),
    undefined,
    "the server will pick one of these",
  );
});

test("commonPorts() are those that both ranges have", () => {
  const all = [{ from: 1024, to: 2000 }, { from: 6000, to: 7000 }];
  assert.deepEqual(commonPorts(all, undefined), all);
  assert.deepEqual(commonPorts(all, [{ from: 1999, to: 6000 }]), [{ from: 1999, to: 2000 }, {
    from: 6000,
    to: 6000,
  }]);
  assert.deepEqual(commonPorts(all, [{ from: 2001, to: 5999 }]), []);
});
