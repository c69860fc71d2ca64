/**
 * The frame puppet: a scripted peer of a server or a client, that speaks whatever bytes a test wants over real TCP and
 * obeys no rule by itself: it answers nothing, gives no credit and checks nothing of what it is told.
 *
 * @module
 */
import type { SocketAddress } from "../../src/runtime/types.ts";
import { formatCapabilities } from "../../src/wire/capabilities.ts";
import { encodeControl } from "../../src/wire/control.ts";
import {
  encodeGoAway,
  type GoAwayCode,
  WINDOW_UPDATE_BYTES,
  writeDataHeader,
  writeWindowUpdate,
} from "../../src/wire/frame.ts";
import { DATA_HEADER_BYTES } from "../../src/wire/limits.ts";
import type { ControlMessage, Handshake, HandshakeAck, OpenStream } from "../../src/wire/messages.ts";
import { FrameParser } from "../../src/wire/parser.ts";
import { within } from "./deadline.ts";
import { connectSocket, listenSockets, type RawSocket } from "./raw_socket.ts";

/** A frame that the puppet received. */
export type PuppetFrame =
  | { readonly kind: "control"; readonly message: ControlMessage }
  | { readonly kind: "data"; readonly streamId: number; readonly bytes: Uint8Array; readonly end: boolean }
  | { readonly kind: "window_update"; readonly streamId: number; readonly increment: number }
  | { readonly kind: "go_away"; readonly code: GoAwayCode };

/** A message of one type. */
export type MessageOf<T extends ControlMessage["type"]> = Extract<ControlMessage, { type: T }>;

/** What a puppet says about itself in a handshake. */
export interface PuppetIntroduction {
  readonly token: string;
  readonly tunnelId?: string;
  /** Window it grants; undefined: it knows none of the stream extensions. */
  readonly window?: number | undefined;
  /** @default true when it has a window */
  readonly services?: boolean;
}

/** Encodes a data frame. */
export function dataFrame(streamId: number, payload: Uint8Array, end = false): Uint8Array {
  const frame = new Uint8Array(DATA_HEADER_BYTES + payload.length);
  writeDataHeader(frame, 0, { streamId, payloadBytes: payload.length, end });
  frame.set(payload, DATA_HEADER_BYTES);
  return frame;
}

/** Encodes a window update frame. */
export function creditFrame(streamId: number, increment: number): Uint8Array {
  const frame = new Uint8Array(WINDOW_UPDATE_BYTES);
  writeWindowUpdate(frame, 0, { streamId, increment });
  return frame;
}

/** Puts frames one behind the other. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  return all;
}

/** An OpenStream with nothing in it but its id. */
export function openStream(streamId: number, headers: OpenStream["headers"] = []): OpenStream {
  return { type: "open_stream", streamId, protocol: "tcp", headers, bodyHint: undefined, priority: "normal" };
}

/** The scripted peer. */
export class Puppet {
  readonly socket: RawSocket;
  readonly #parser: FrameParser;
  /** Frames that no wait has taken yet. */
  #frames: PuppetFrame[] = [];
  #looking: (() => void) | undefined;
  #header = { streamId: 0, payloadBytes: 0, end: false };
  #pieces: Uint8Array[] = [];
  #pings = 0;

  /** @param socket Nothing has arrived on it yet. */
  constructor(socket: RawSocket) {
    this.socket = socket;
    this.#parser = new FrameParser({
      control: (message) => this.#got({ kind: "control", message }),
      dataHeader: (header) => {
        this.#header = { ...header };
        this.#pieces = [];
        if (header.payloadBytes === 0) this.#gotData();
      },
      data: (piece, last) => {
        this.#pieces.push(piece.slice());
        if (last) this.#gotData();
      },
      windowUpdate: (streamId, increment) => this.#got({ kind: "window_update", streamId, increment }),
      goAway: (code) => this.#got({ kind: "go_away", code }),
    });
    this.#parser.authenticated = true;
    this.#parser.extensions = true;
    socket.onData = (chunk) => this.#parser.push(chunk);
    void socket.ended.then(() => this.#looking?.());
  }

  /** Frames that have arrived and were not taken. */
  get frames(): readonly PuppetFrame[] {
    return this.#frames;
  }

  /** Sends any bytes. Resolves with whether the kernel has taken them; false: the session is over. */
  sendBytes(bytes: Uint8Array): Promise<boolean> {
    return this.socket.write(bytes);
  }

  /** Sends control messages, in one write. */
  send(...messages: readonly ControlMessage[]): Promise<boolean> {
    return this.sendBytes(joinFrames(messages.map(encodeControl)));
  }

  /** Sends a data frame. */
  sendData(streamId: number, payload: Uint8Array, end = false): Promise<boolean> {
    return this.sendBytes(dataFrame(streamId, payload, end));
  }

  /** Sends credit. */
  sendCredit(streamId: number, increment: number): Promise<boolean> {
    return this.sendBytes(creditFrame(streamId, increment));
  }

  /** Sends a GoAway. */
  sendGoAway(code: GoAwayCode): Promise<boolean> {
    return this.sendBytes(encodeGoAway(code));
  }

  /** Takes the first frame that `matches`, when it comes. @throws {Error} when the session ends before, or the deadline */
  async take(
    matches: (frame: PuppetFrame) => boolean,
    what: string,
    deadlineMs?: number,
  ): Promise<PuppetFrame> {
    const found = new Promise<PuppetFrame>((resolve, reject) => {
      this.#looking = () => {
        const index = this.#frames.findIndex(matches);
        const frame = this.#frames[index];
        if (frame !== undefined) {
          this.#frames.splice(index, 1);
          this.#looking = undefined;
          resolve(frame);
        } else if (this.socket.isEnded) reject(new Error(`The session ended before ${what} came`));
      };
      this.#looking();
    });
    return await within(found, what, deadlineMs);
  }

  /** Takes the first message of this type that `matches`, when it comes. */
  async message<T extends ControlMessage["type"]>(
    type: T,
    matches: (message: MessageOf<T>) => boolean = () => true,
    deadlineMs?: number,
  ): Promise<MessageOf<T>> {
    const is = (frame: PuppetFrame): boolean =>
      frame.kind === "control" && frame.message.type === type && matches(frame.message as MessageOf<T>);
    const frame = await this.take(is, type, deadlineMs);
    return (frame as PuppetFrame & { kind: "control" }).message as MessageOf<T>;
  }

  /** Takes the first data frame of a stream, when it comes. */
  async data(streamId: number): Promise<PuppetFrame & { kind: "data" }> {
    const is = (frame: PuppetFrame): boolean => frame.kind === "data" && frame.streamId === streamId;
    return await this.take(is, `data of stream ${streamId}`) as PuppetFrame & { kind: "data" };
  }

  /** Takes the CloseStream of a stream, when it comes. */
  closeOf(streamId: number, deadlineMs?: number): Promise<MessageOf<"close_stream">> {
    return this.message("close_stream", (message) => message.streamId === streamId, deadlineMs);
  }

  /** Sends a heartbeat and waits for its answer: whatever was sent before has then been judged, and the session lives. */
  async roundTrip(deadlineMs?: number): Promise<void> {
    const timestamp = BigInt(++this.#pings);
    await this.send({ type: "heartbeat", timestamp });
    await this.message("heartbeat_ack", (message) => message.timestamp === timestamp, deadlineMs);
  }

  /** Resolves when the peer has ended the session. */
  async over(deadlineMs?: number): Promise<void> {
    await within(this.socket.ended, "the session to end", deadlineMs);
  }

  /** As a client: shows who it is. @returns the answer */
  async introduce(introduction: PuppetIntroduction): Promise<HandshakeAck> {
    await this.send(handshakeOf(introduction));
    return await this.message("handshake_ack");
  }

  /** As a client: registers a service on a port that the server picks. @returns where visitors reach it */
  async register(serviceName: string): Promise<SocketAddress> {
    const metadata = new Map([["remote_port", "0"]]);
    await this.send({ type: "register", serviceName, protocol: "tcp", metadata });
    const { publicUrl, status } = await this.message("register_ack");
    const match = /^tcp:\/\/([0-9.]+):([0-9]+)$/.exec(publicUrl);
    if (status !== "success" || match === null) throw new Error(`Registration: ${status} ${publicUrl}`);
    return { hostname: match[1]!, port: Number(match[2]) };
  }

  /** As a server: lets the client in, and answers the registrations of `services` services. @returns what the client said */
  async admit(options: { readonly window?: number; readonly services?: number } = {}): Promise<Handshake> {
    const { window, services = 1 } = options;
    const handshake = await this.message("handshake");
    await this.send({
      type: "handshake_ack",
      sessionId: new Uint8Array(16).fill(7),
      status: "success",
      version: 1,
      capabilities: formatCapabilities({ window, services: window !== undefined }),
    });
    for (let answered = 0; window !== undefined && answered < services; answered++) {
      const { serviceName } = await this.message("register");
      await this.send({ type: "register_ack", publicUrl: `tcp://puppet:${serviceName}`, status: "success" });
    }
    return handshake;
  }

  /** Closes the connection, and waits until that is done. */
  async close(): Promise<void> {
    await this.socket.close();
  }

  #gotData(): void {
    const { streamId, end } = this.#header;
    this.#got({ kind: "data", streamId, bytes: joinFrames(this.#pieces), end });
    this.#pieces = [];
  }

  #got(frame: PuppetFrame): void {
    this.#frames.push(frame);
    this.#looking?.();
  }
}

/** The handshake of a client that is a puppet. */
export function handshakeOf(introduction: PuppetIntroduction): Handshake {
  const { token, tunnelId, window, services = window !== undefined } = introduction;
  const capabilities = formatCapabilities({ window, services });
  return { type: "handshake", token, tunnelId, minVersion: 1, maxVersion: 1, capabilities };
}

/** Dials a server, as a client would. */
export async function connectPuppet(address: SocketAddress): Promise<Puppet> {
  return new Puppet(await connectSocket(address));
}

/** A listener whose sockets are puppets, for clients to dial. */
export interface PuppetListener {
  readonly address: SocketAddress;
  /** The next client that dialled. */
  next(): Promise<Puppet>;
  /** Stops listening, and closes every puppet. */
  close(): Promise<void>;
}

/** Listens for clients, as a server would. */
export async function listenPuppet(): Promise<PuppetListener> {
  const waiting: Puppet[] = [];
  let awaited: ((puppet: Puppet) => void) | undefined;
  const listener = await listenSockets({
    onSocket: (socket) => {
      const puppet = new Puppet(socket);
      if (awaited === undefined) waiting.push(puppet);
      else awaited(puppet);
      awaited = undefined;
    },
  });
  return {
    address: listener.address,
    next: () => {
      const first = waiting.shift();
      if (first !== undefined) return Promise.resolve(first);
      return within(new Promise<Puppet>((resolve) => awaited = resolve), "a client to dial");
    },
    close: () => listener.close(),
  };
}
