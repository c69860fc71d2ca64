import assert from "node:assert/strict";
import fc from "fast-check";
import { addressGroup } from "../../src/http/ip_address.ts";
import { Admission } from "../../src/tunnel/admission.ts";
import { test } from "../harness.ts";

test("Admission.enter() admits as many as allowed over all addresses, and not one more", () => {
  const admission = new Admission({ maxUnauthenticated: 3, maxUnauthenticatedPerAddress: 2 });
  const leave = ["a", "a", "b"].map((address) => admission.enter(address));
  assert.ok(leave.every((entry) => entry !== undefined));
  assert.equal(admission.enter("c"), undefined);
  leave[2]?.();
  assert.notEqual(admission.enter("c"), undefined);
  assert.equal(admission.total, 3);
});

test("Admission.enter() admits as many as allowed from one address, and not one more", () => {
  const admission = new Admission({ maxUnauthenticated: 100, maxUnauthenticatedPerAddress: 2 });
  const [first] = [admission.enter("a"), admission.enter("a")];
  assert.equal(admission.enter("a"), undefined);
  assert.notEqual(admission.enter("b"), undefined);
  first?.();
  assert.notEqual(admission.enter("a"), undefined);
});

test("A place is given back once, however often it is left", () => {
  const admission = new Admission({ maxUnauthenticated: 100, maxUnauthenticatedPerAddress: 2 });
  const [first] = [admission.enter("a"), admission.enter("a")];
  first?.();
  first?.();
  first?.();
  assert.equal(admission.total, 1);
  assert.notEqual(admission.enter("a"), undefined);
  assert.equal(admission.enter("a"), undefined);
});

test("Admission counts right under any order of comings and goings", () => {
  const step = fc.record({
    address: fc.constantFrom("a", "b", "c"),
    leaves: fc.boolean(),
    index: fc.nat(20),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const admission = new Admission({ maxUnauthenticated: 5, maxUnauthenticatedPerAddress: 3 });
    const inside: { address: string; leave: () => void }[] = [];
    for (const { address, leaves, index } of steps) {
      if (leaves) {
        inside.splice(index, 1)[0]?.leave();
        continue;
      }
      const fits = inside.length < 5 && inside.filter((entry) => entry.address === address).length < 3;
      const leave = admission.enter(address);
      assert.equal(leave !== undefined, fits);
      if (leave !== undefined) inside.push({ address, leave });
    }
    assert.equal(admission.total, inside.length);
  }));
});

test("addressGroup() is the address in IPv4, the network of 64 bits in IPv6", () => {
  const cases: [string, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["127.0.0.1", "127.0.0.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:255.255.255.255", "255.255.255.255"],
    ["2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"],
    ["2001:0DB8:0000:0001::", "2001:db8:0:1::/64"],
    ["2001:db8:0:1::5", "2001:db8:0:1::/64"],
    ["2001:db8::1:0:0:5", "2001:db8:0:0::/64"],
    ["2001:db8::5", "2001:db8:0:0::/64"],
    ["2001:db8::192.0.2.1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["::1:ffff:192.0.2.1", "0:0:0:0::/64"],
  ];
  for (const [address, group] of cases) assert.equal(addressGroup(address), group, address);
});

test("addressGroup() leaves alone what is no address", () => {
  const others = [
    "",
    "localhost",
    ":",
    ":::",
    "1:2:3",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "x::1",
    "::ffff:192.0.2.256",
    "::192.0.2",
  ];
  for (const other of others) assert.equal(addressGroup(other), other);
});

test("addressGroup() is the same for every host of a network, and differs between networks", () => {
  const group = fc.nat(0xffff).map((value) => value.toString(16));
  const half = fc.array(group, { minLength: 4, maxLength: 4 }).map((groups) => groups.join(":"));
  fc.assert(fc.property(half, half, half, half, (network, other, host, neighbour) => {
    fc.pre(!/^0:0:0:0$/.test(network) && network !== other);
    assert.equal(addressGroup(`${network}:${host}`), addressGroup(`${network}:${neighbour}`));
    assert.notEqual(addressGroup(`${network}:${host}`), addressGroup(`${other}:${host}`));
  }));
});
