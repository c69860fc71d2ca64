/**
 * A peer that says exactly what a test wants, in frames or in raw bytes.
 *
 * @module
 */
import type { Socket } from "node:net";
import { encodeControl } from "../../src/wire/control.ts";
import { formatCapabilities } from "../../src/wire/capabilities.ts";
import { type GoAwayCode, writeDataHeader } from "../../src/wire/frame.ts";
import type { ControlMessage, Handshake, HandshakeAck, RegisterAck } from "../../src/wire/messages.ts";
import { FrameParser } from "../../src/wire/parser.ts";
import { dial, TestService, type TestSocket } from "./sockets.ts";

/** A frame that the puppet has received. */
export type PuppetFrame =
  | ControlMessage
  | { readonly type: "data_frame"; readonly streamId: number; readonly bytes: number; readonly end: boolean }
  | { readonly type: "window_update"; readonly streamId: number; readonly increment: number }
  | { readonly type: "go_away"; readonly code: GoAwayCode };

/** What {@linkcode Puppet.handshake} says. */
export interface PuppetHandshake extends Partial<Omit<Handshake, "type">> {
  readonly token: string;
}

/** What a client of ours names. */
export const CLIENT_CAPABILITIES: readonly string[] = formatCapabilities({ window: 65536, services: true });

/** What a server of ours names; the same here. */
const SERVER_CAPABILITIES = CLIENT_CAPABILITIES;

/** One end of a connection. */
export class Puppet {
  /** The connection. */
  readonly socket: TestSocket;
  /** Sees every byte that arrives. */
  tap: (bytes: Uint8Array) => void = () => {};
  /** Whether heartbeats are answered. */
  answersHeartbeats = false;
  readonly #frames: PuppetFrame[] = [];
  #changed: () => void = () => {};
  #over = false;

  constructor(socket: TestSocket) {
    this.socket = socket;
    const parser = new FrameParser({
      control: (message) => this.#got(message),
      dataHeader: ({ streamId, payloadBytes, end }) =>
        this.#got({ type: "data_frame", streamId, bytes: payloadBytes, end }),
      data: () => {},
      windowUpdate: (streamId, increment) => this.#got({ type: "window_update", streamId, increment }),
      goAway: (code) => this.#got({ type: "go_away", code }),
    });
    parser.authenticated = true;
    parser.extensions = true;
    void this.#read(parser);
  }

  /** As a client. */
  static async dial(port: number): Promise<Puppet> {
    return new Puppet(await dial(port));
  }

  /** Settles when the other side has closed. */
  get closed(): Promise<unknown> {
    return this.socket.ended;
  }

  send(message: ControlMessage): void {
    this.socket.write(encodeControl(message));
  }

  /** Sends any bytes. */
  sendRaw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends a data frame. */
  sendData(streamId: number, payload: Uint8Array, end = false): void {
    const frame = new Uint8Array(10 + payload.length);
    writeDataHeader(frame, 0, { streamId, payloadBytes: payload.length, end });
    frame.set(payload, 10);
    this.socket.write(frame);
  }

  /** The next frame; undefined when the other side has closed. */
  async next(): Promise<PuppetFrame | undefined> {
    while (this.#frames.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => this.#changed = resolve);
    }
    return this.#frames.shift();
  }

  /** The next frame of a type; what comes before it is dropped. @throws when the other side closes first */
  async expect<Type extends PuppetFrame["type"]>(type: Type): Promise<Extract<PuppetFrame, { type: Type }>> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error(`The connection was closed before ${type}`);
      if (frame.type === type) return frame as Extract<PuppetFrame, { type: Type }>;
    }
  }

  /** Introduces itself as a client and returns the answer. */
  async handshake(handshake: PuppetHandshake): Promise<HandshakeAck> {
    this.send({
      type: "handshake",
      tunnelId: undefined,
      minVersion: 1,
      maxVersion: 1,
      capabilities: CLIENT_CAPABILITIES,
      ...handshake,
    });
    return await this.expect("handshake_ack");
  }

  /** Asks for a service and returns the answer. */
  async register(serviceName: string, remotePort?: number): Promise<RegisterAck> {
    const metadata = new Map(remotePort === undefined ? [] : [["remote_port", String(remotePort)]]);
    this.send({ type: "register", serviceName, protocol: "tcp", metadata });
    return await this.expect("register_ack");
  }

  /** As a server: waits for a handshake and accepts it. */
  async welcome(): Promise<Handshake> {
    const handshake = await this.expect("handshake");
    this.answer("success");
    return handshake;
  }

  /** As a server: answers a handshake. */
  answer(
    status: HandshakeAck["status"],
    version = status === "success" ? 1 : 0,
    capabilities: readonly string[] = SERVER_CAPABILITIES,
  ): void {
    this.send({
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status,
      version,
      capabilities: status === "success" ? capabilities : [],
    });
  }

  #got(frame: PuppetFrame): void {
    if (frame.type === "heartbeat" && this.answersHeartbeats) {
      this.send({ type: "heartbeat_ack", timestamp: frame.timestamp });
    }
    this.#frames.push(frame);
    this.#changed();
  }

  async #read(parser: FrameParser): Promise<void> {
    for (;;) {
      const first = await this.socket.read(1);
      if (first.length === 0) break;
      const rest = await this.socket.read(this.socket.bufferedBytes);
      for (const bytes of [first, rest]) {
        this.tap(bytes);
        parser.push(bytes);
      }
    }
    this.#over = true;
    this.#changed();
  }
}

/** A server made of puppets. */
export class PuppetServer {
  /** Connections so far. */
  dials = 0;
  #service: TestService | undefined;
  readonly #puppets: Puppet[] = [];
  #changed: () => void = () => {};

  static async start(): Promise<PuppetServer> {
    const server = new PuppetServer();
    server.#service = await TestService.start((socket: TestSocket, _raw: Socket) => {
      server.dials++;
      server.#puppets.push(new Puppet(socket));
      server.#changed();
    });
    return server;
  }

  get port(): number {
    return (this.#service as TestService).port;
  }

  /** The next connection. */
  async accepted(): Promise<Puppet> {
    while (this.#puppets.length === 0) await new Promise<void>((resolve) => this.#changed = resolve);
    return this.#puppets.shift() as Puppet;
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }
}
