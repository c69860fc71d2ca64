import assert from "node:assert/strict";
import { loadConfig, renderConfig, resolveClient, resolveServer } from "../../src/config/mod.ts";
import type { HttpServerOptions, ServiceOptions } from "../../src/tunnel/options.ts";
import { test } from "../harness.ts";
import { load, problemLines } from "./support.ts";

const PEM: Record<string, string> = {
  "one.pem": "-----BEGIN CERTIFICATE-----\n1",
  "one.key": "-----BEGIN PRIVATE KEY-----\n1",
};
const readTextFile = (path: string): Promise<string> => {
  const text = PEM[path];
  return text === undefined ? Promise.reject(new Error(`no ${path}`)) : Promise.resolve(text);
};

async function httpOf(
  file: string,
  flags: Record<string, string> = {},
): Promise<HttpServerOptions | undefined> {
  const loaded = load("server", { file, flags });
  return (await resolveServer(loaded, { readTextFile, token: "x" })).options.http;
}

async function servicesOf(given: Parameters<typeof load>[1]): Promise<readonly ServiceOptions[]> {
  return (await resolveClient(load("client", given), { readTextFile, token: "x" })).options.services;
}

test("Every key of a server's HTTP reaches the tunnel", async () => {
  const file = `
http:
  bind: 0.0.0.0:8080
  domain: Example.com
  publicPort: 80
  allowHosts: [App.example.org, "*.example.net"]
  trustedProxies: [10.0.0.0/8, "::1", 192.0.2.7]
  https:
    bind: "[::]:8443"
    certificates: [{cert: one.pem, key: one.key}]
    publicPort: 443
    redirect: true
    hsts: {maxAgeSeconds: 60, includeSubdomains: true}
`;
  assert.deepEqual(await httpOf(file), {
    bind: { hostname: "0.0.0.0", port: 8080 },
    domain: "example.com",
    publicPort: 80,
    allowHosts: ["app.example.org", "*.example.net"],
    trustedProxies: ["10.0.0.0/8", "::1", "192.0.2.7"],
    https: {
      bind: { hostname: "::", port: 8443 },
      certificates: [{ cert: PEM["one.pem"], key: PEM["one.key"] }],
      publicPort: 443,
      redirect: true,
      hsts: { maxAgeSeconds: 60, includeSubdomains: true },
    },
  });
});

test("A server's HTTP can be told by flags and variables, and is off without a port", async () => {
  const flags = { "--http-bind": "127.0.0.1:0", "--domain": "example.com" };
  const told = { bind: { hostname: "127.0.0.1", port: 0 }, domain: "example.com" };
  assert.deepEqual(await httpOf("{}", flags), told);
  const environment = { FERROTUNNEL_HTTP_BIND: "127.0.0.1:0", FERROTUNNEL_DOMAIN: "example.com" };
  const resolve = async (given: Record<string, string>): Promise<HttpServerOptions | undefined> =>
    (await resolveServer(load("server", { environment: given }), { readTextFile, token: "x" })).options.http;
  assert.deepEqual(await resolve(environment), told);
  assert.equal(
    await resolve({ FERROTUNNEL_DOMAIN: "example.com" }),
    undefined,
    "a variable alone is no mistake",
  );
  assert.equal(await httpOf("{}"), undefined);
});

test("Every key of a service over HTTP reaches the tunnel", async () => {
  const file = `
server: a
services:
  web:
    type: http
    local: 8080
    hosts: [App.example.com, "*.Preview.example.com"]
    paths: [/, /api/]
    rewriteHost: app.internal:81
    requestHeaders: {set: {X-A: one}, remove: [Cookie]}
    responseHeaders: {set: {X-B: "2"}}
    plugins: [login]
  ssh: {type: tcp, local: 22, remotePort: 0}
`;
  assert.deepEqual(await servicesOf({ file }), [
    {
      name: "web",
      kind: "http",
      local: { hostname: "127.0.0.1", port: 8080 },
      hosts: ["app.example.com", "*.preview.example.com"],
      paths: ["/", "/api"],
      rewriteHost: "app.internal:81",
      requestHeaders: { set: { "X-A": "one" }, remove: ["Cookie"] },
      responseHeaders: { set: { "X-B": "2" } },
      plugins: ["login"],
    },
    { name: "ssh", kind: "tcp", local: { hostname: "127.0.0.1", port: 22 }, remotePort: 0 },
  ]);
  const text = renderConfig(load("client", { file }));
  assert.match(text, /services\.web\.requestHeaders\.set\.X-A +\*\*\*/);
  assert.ok(!/\bone\b/.test(text), "a header's value may be a secret");
});

test("Services and header fields may be called as what every object inherits", async () => {
  const file = "server: a\nservices:\n  constructor: {type: http, local: 1, hosts: [a], " +
    "requestHeaders: {set: {toString: x}}}\n  valueOf: {type: tcp, local: 2}";
  const services = await servicesOf({ file });
  assert.deepEqual(services.map(({ name }) => name), ["constructor", "valueOf"]);
  const [first] = services;
  assert.ok(first?.kind === "http");
  assert.deepEqual(Object.entries(first.requestHeaders?.set ?? {}), [["toString", "x"]]);
});

test("A service over HTTP can be told by flags and by variables", async () => {
  const service = {
    name: "web",
    kind: "http",
    local: { hostname: "127.0.0.1", port: 8080 },
    hosts: ["a.b", "*.c"],
    paths: ["/x", "/y"],
    rewriteHost: "d",
  };
  const flags = {
    "--server": "a",
    "--local-addr": "8080",
    "--type": "http",
    "--name": "web",
    "--host": "a.b,*.c",
    "--path": "/x,/y",
    "--rewrite-host": "d",
  };
  assert.deepEqual(await servicesOf({ flags }), [service]);
  const environment = {
    FERROTUNNEL_SERVER: "a",
    FERROTUNNEL_LOCAL_ADDR: "8080",
    FERROTUNNEL_TYPE: "http",
    FERROTUNNEL_NAME: "web",
    FERROTUNNEL_HOSTS: "a.b, *.c",
    FERROTUNNEL_PATHS: "/x,/y",
    FERROTUNNEL_REWRITE_HOST: "d",
    FERROTUNNEL_REMOTE_PORT: "5",
  };
  assert.deepEqual(await servicesOf({ environment }), [service], "what is for TCP alone is of no use here");
});

const base = "server: a\nservices:\n  web:\n    type: http\n    local: 1\n";
const wrong: [name: string, role: "server" | "client", file: string, lines: string[]][] = [
  ["hosts that are none", "client", `${base}    hosts: [a..b, "*", "a:80"]`, [
    'client.yaml:6:13: services.web.hosts[0]: Expected a host such as "app.example.com", or a pattern such as ' +
    '"*.example.com" but got "a..b"',
    'client.yaml:6:19: services.web.hosts[1]: Expected a host such as "app.example.com", or a pattern such as ' +
    '"*.example.com" but got "*"',
    'client.yaml:6:24: services.web.hosts[2]: Expected a host such as "app.example.com", or a pattern such as ' +
    '"*.example.com" but got "a:80"',
  ]],
  ["a host that is given twice", "client", `${base}    hosts: [a.b, A.B.]`, [
    'client.yaml:6:18: services.web.hosts[1]: "a.b" is given twice',
  ]],
  ["paths", "client", `${base}    paths: [api, /a/../b]`, [
    'client.yaml:6:13: services.web.paths[0]: Expected the beginning of a path such as "/api", in plain characters but got "api"',
    'client.yaml:6:18: services.web.paths[1]: Expected the beginning of a path such as "/api", in plain characters but got "/a/../b"',
  ]],
  ["header rules", "client", `${base}    requestHeaders: {set: {Host: a}, remove: [Content-Length]}`, [
    "client.yaml:6:28: services.web.requestHeaders.set.Host: Expected the name of a header field that rules may change; " +
    "not Host, Connection or one that frames the body",
    "client.yaml:6:47: services.web.requestHeaders.remove[0]: Expected the name of a header field that rules may change; " +
    'not Host, Connection or one that frames the body but got "Content-Length"',
  ]],
  [
    "a header value, without repeating it",
    "client",
    `${base}    requestHeaders: {set: {Authorization: "s3cret\\n"}}`,
    [
      "client.yaml:6:43: services.web.requestHeaders.set.Authorization: Expected printable ASCII without spaces around it",
    ],
  ],
  ["keys of the other type", "client", `${base}    remotePort: 1\n  ssh: {type: tcp, local: 1, hosts: [a]}`, [
    'client.yaml:6:5: services.web: Key "remotePort" is not for this type',
    'client.yaml:7:30: services.ssh: Key "hosts" is not for this type',
  ]],
  ["a misspelt type", "client", "server: a\nservices:\n  web: {type: htpt, local: 1}", [
    'client.yaml:3:15: services.web.type: Expected one of tcp, http but got "htpt"; did you mean "http"?',
  ]],
  ["a service that is none", "client", "server: a\nservices:\n  web: 80", [
    "client.yaml:3:8: services.web: Expected a mapping but got 80",
  ]],
  ["HTTP without a port", "server", "token: x\nhttp:\n  domain: example.com\n  trustedProxies: [10.0.0.1]", [
    "server.yaml:3:11: http.domain: Has no effect without http.bind (--http-bind) or http.https",
    "server.yaml:4:20: http.trustedProxies: Has no effect without http.bind (--http-bind) or http.https",
  ]],
  [
    "proxies",
    "server",
    "token: x\nhttp: {bind: '0.0.0.0:1', trustedProxies: [10.0.0.0/33, a, '::1/129', 1.2.3.4/]}",
    [
      'server.yaml:2:44: http.trustedProxies[0]: Expected an IP address, or a range such as "10.0.0.0/8" but got "10.0.0.0/33"',
      'server.yaml:2:57: http.trustedProxies[1]: Expected an IP address, or a range such as "10.0.0.0/8" but got "a"',
      'server.yaml:2:60: http.trustedProxies[2]: Expected an IP address, or a range such as "10.0.0.0/8" but got "::1/129"',
      'server.yaml:2:71: http.trustedProxies[3]: Expected an IP address, or a range such as "10.0.0.0/8" but got "1.2.3.4/"',
    ],
  ],
  [
    "a redirect from nowhere",
    "server",
    "token: x\nhttp:\n  https:\n    bind: 0.0.0.0:1\n    redirect: true\n    certificates: [{cert: a, key: b}]",
    ["server.yaml:5:15: http.https.redirect: Has no effect without http.bind (--http-bind)"],
  ],
];
for (const [name, role, file, lines] of wrong) {
  test(`loadConfig() explains ${name}`, () => assert.deepEqual(problemLines(role, { file }), lines));
}

test("More than a registration can carry is found before the client starts", () => {
  const hosts = (count: number): string =>
    Array.from({ length: count }, (_, index) => `h${index}.b`).join(", ");
  assert.deepEqual(problemLines("client", { file: `${base}    hosts: [${hosts(64)}]` }), []);
  assert.deepEqual(problemLines("client", { file: `${base}    hosts: [${hosts(65)}]` }), [
    "client.yaml:4:11: services.web.type: Service web has 65 hosts, paths, header rules and plugins, which is more " +
    "than the 64 that a registration can carry",
  ]);
});

test("Flags of a service over HTTP are refused for one over TCP, and without a service", () => {
  const flags = { "--server": "a", "--host": "b" };
  assert.deepEqual(problemLines("client", { flags }), [
    "flag --host: Needs --local-addr, the service whose host this is",
  ]);
  assert.deepEqual(problemLines("client", { flags: { ...flags, "--local-addr": "1" } }), [
    "flag --host: Is for services of type http: give --type http",
  ]);
  const other = { "--server": "a", "--local-addr": "1", "--type": "http", "--remote-port": "1" };
  assert.deepEqual(problemLines("client", { flags: other }), [
    "flag --remote-port: Is for services of type tcp: give --type tcp",
  ]);
});

test("Files of HTTPS are read, and what is wrong with them is told by their place", async () => {
  const file = "token: x\nhttp: {https: {bind: '0.0.0.0:1', certificates: [{cert: one.key, key: none}]}}";
  const loaded = loadConfig("server", {
    file: { path: "server.yaml", text: file },
    environment: () => undefined,
    flags: new Map(),
    machineName: "box",
  });
  await assert.rejects(() => resolveServer(loaded, { readTextFile }), (error) => {
    assert.deepEqual(String(error instanceof Error && error.message).split("\n"), [
      "server.yaml:2:57: http.https.certificates[0].cert: Expected PEM text with a certificate in one.key",
      "server.yaml:2:71: http.https.certificates[0].key: Cannot read none: no none",
    ]);
    return true;
  });
});
