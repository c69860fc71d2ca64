import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { test } from "../harness.ts";
import { ChildProgram } from "../support/child_program.ts";
import { within } from "../support/deadline.ts";
import { selfSigned } from "../support/identities.ts";
import { findProgram, programPath } from "../support/programs.ts";
import { MIXES, nameOf, startProgram, startServerProcess } from "../support/tunnel_process.ts";
import { Stage } from "./_stage.ts";

const DEADLINE_MS = 120_000;
const HOST = "localhost";
const identity = selfSigned(HOST);
const toBytes = (value: string): Buffer => Buffer.from(value);
const toText = (bytes: Buffer): string => bytes.toString();

/** What the services are written in. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  Node: ["node", "tests/e2e/_grpc_service.mjs"],
  Python: ["python3", "tests/e2e/_grpc_service.py"],
};

function reasonToSkip(language: string): string | undefined {
  const [program = ""] = SERVICES[language] ?? [];
  if (findProgram(program) === undefined) return `needs ${program}`;
  if (language !== "Python") return undefined;
  try {
    execFileSync(programPath(program), ["-c", "import grpc"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "needs grpcio for Python";
  }
}

/** A gRPC client, and the calls that the services have. */
class Caller implements Disposable {
  readonly #client: Client;

  constructor(port: number, channel: ChannelCredentials) {
    this.#client = new Client(`${HOST}:${port}`, channel);
  }

  /** @returns the answer, and the metadata before and after it */
  async unary(request: string): Promise<{ answer: string; seen: unknown; after: unknown }> {
    return await new Promise((resolve, reject) => {
      const given = new Metadata();
      given.set("given", "metadata");
      let [answer, seen]: [string, unknown] = ["", undefined];
      const call = this.#client.makeUnaryRequest(
        "/test.Echo/Unary",
        toBytes,
        toText,
        request,
        given,
        (error, value) => {
          if (error === null) answer = value ?? "";
          else reject(error);
        },
      );
      call.on("metadata", (metadata) => seen = metadata.get("seen")[0]);
      call.on("status", ({ metadata }) => resolve({ answer, seen, after: metadata.get("after")[0] }));
    });
  }

  async up(messages: number, bytes: number): Promise<string | undefined> {
    return await new Promise((resolve, reject) => {
      const call = this.#client.makeClientStreamRequest<string, string>(
        "/test.Echo/Up",
        toBytes,
        toText,
        (error, value) => error === null ? resolve(value) : reject(error),
      );
      for (let sent = 0; sent < messages; sent++) call.write("x".repeat(bytes));
      call.end();
    });
  }

  down(messages: number, bytes: number): ClientReadableStream<string> {
    const request = `${messages} ${bytes}`;
    return this.#client.makeServerStreamRequest("/test.Echo/Down", toBytes, toText, request);
  }

  /** Says something, waits for the echo, and so on. */
  async both(messages: readonly string[]): Promise<string[]> {
    return await new Promise((resolve, reject) => {
      const call = this.#client.makeBidiStreamRequest("/test.Echo/Both", toBytes, toText);
      const echoes: string[] = [];
      const next = (): void => {
        const message = messages[echoes.length];
        if (message === undefined) call.end();
        else call.write(message);
      };
      call.on("data", (echo: string) => {
        echoes.push(echo);
        next();
      });
      call.on("error", reject);
      call.on("end", () => resolve(echoes));
      next();
    });
  }

  /** A call that is never answered. @returns cancels it, and its error */
  hang(options: { deadline?: number } = {}): { cancel: () => void; failed: Promise<ServiceError> } {
    let cancel = (): void => {};
    const failed = new Promise<ServiceError>((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        "/test.Echo/Hang",
        toBytes,
        toText,
        "x",
        options,
        (error) => error === null ? reject(new Error("answered")) : resolve(error),
      );
      cancel = () => call.cancel();
    });
    return { cancel: () => cancel(), failed };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

async function countAll(call: ClientReadableStream<string>): Promise<number> {
  let bytes = 0;
  for await (const message of call) bytes += (message as string).length;
  return bytes;
}

async function checkCalls(caller: Caller, service: ChildProgram): Promise<void> {
  assert.deepEqual(await caller.unary("hello"), { answer: "re:hello", seen: "metadata", after: "all" });
  await assert.rejects(caller.unary("fail"), (error: ServiceError) => {
    assert.deepEqual([error.code, error.details], [status.NOT_FOUND, "nope"]);
    assert.deepEqual(error.metadata.get("why"), ["because"]);
    return true;
  });
  assert.equal(await caller.up(1_000, 5_000), "1000 5000000");
  assert.equal(await countAll(caller.down(1_000, 5_000)), 5_000_000);
  assert.deepEqual(await caller.both(["one", "two", "three"]), ["re:one", "re:two", "re:three"]);
  const many = Array.from({ length: 50 }, (_, index) => caller.unary(String(index)));
  assert.deepEqual(
    (await Promise.all(many)).map(({ answer }) => answer),
    many.map((_, index) => `re:${index}`),
  );
  for (const code of [status.CANCELLED, status.DEADLINE_EXCEEDED]) {
    const after = service.lines.length;
    const byDeadline = code === status.DEADLINE_EXCEEDED;
    const call = caller.hang(byDeadline ? { deadline: Date.now() + 500 } : {});
    // The echo of another call tells that the service has this one too.
    await caller.unary("hello");
    if (!byDeadline) call.cancel();
    const error = await within(call.failed, "the call to fail");
    assert.equal(error.code, code, error.message);
    await service.line(/^left$/, { after });
  }
}

for (const language of Object.keys(SERVICES)) {
  for (const mix of MIXES) {
    test(`gRPC reaches a service in ${language}, with TLS and without (${nameOf(mix)})`, async () => {
      await using stage = new Stage();
      const [program = "", ...args] = SERVICES[language] ?? [];
      const service = stage.keep(new ChildProgram([programPath(program), ...args]));
      const [, local] = await service.line(/^port (\d+)$/);
      for (const [name, text] of Object.entries(identity)) writeFileSync(join(stage.folder, name), text);
      const file = join(stage.folder, "server.yaml");
      writeFileSync(
        file,
        `http:
  bind: 127.0.0.1:0
  https:
    bind: 127.0.0.1:0
    certificates: [{cert: ${join(stage.folder, "cert")}, key: ${join(stage.folder, "key")}}]
`,
      );
      const server = await stage.run(
        startServerProcess({ runtime: mix.server, args: ["--config", file] }),
      );
      const [, http] = await server.program.line(/^http +127\.0\.0\.1:(\d+)$/);
      const [, https] = await server.program.line(/^https +127\.0\.0\.1:(\d+)$/);
      const client = stage.keep(startProgram([
        ...["http", String(local), "--server", `127.0.0.1:${server.port}`, "--name", "echo", "--host", HOST],
      ], { runtime: mix.client }));
      await client.line(/^echo .* → https:\/\/localhost:/);
      const secure = credentials.createSsl(Buffer.from(identity.cert));
      for (const [port, channel] of [[http, credentials.createInsecure()], [https, secure]] as const) {
        using caller = new Caller(Number(port), channel);
        await checkCalls(caller, service);
      }
    }, { skip: reasonToSkip(language), timeoutMs: DEADLINE_MS });
  }
}
