/**
 * A stream without a session.
 *
 * @module
 */
import { ReceiveWindow, SendCredit } from "../../src/mux/credit.ts";
import { MuxStream, type StreamHost, type StreamOptions } from "../../src/mux/stream.ts";
import type { CloseReason } from "../../src/wire/messages.ts";

/** A stream and what it told its session. */
export interface LoneStream {
  readonly stream: MuxStream;
  /** Reasons that were sent to the peer. */
  readonly closesSent: CloseReason[];
  /** Credit that was given to the peer. */
  readonly creditGiven: number[];
}

/** Makes a stream. @param options What is different from an accepted stream with 1000 bytes of window. @param host Overrides. */
export function makeStream(options: Partial<StreamOptions> = {}, host: Partial<StreamHost> = {}): LoneStream {
  const closesSent: CloseReason[] = [];
  const creditGiven: number[] = [];
  const growth = { now: () => 0, rttMs: () => undefined, reserve: () => true, release: () => {} };
  const stream = new MuxStream({
    wantsToSend: () => {},
    giveCredit: (_, bytes) => void creditGiven.push(bytes),
    sendAccepted: () => {},
    sendClose: (_, reason) => void closesSent.push(reason),
    sendEndAsClose: () => void closesSent.push({ kind: "normal" }),
    sending: () => {},
    forget: () => {},
    bufferedChanged: () => {},
    stalledSendChanged: () => {},
    paced: () => undefined,
    ...host,
  }, {
    id: 2,
    protocol: "tcp",
    priority: "normal",
    headers: [],
    sendCredit: new SendCredit(1000),
    receiveWindow: new ReceiveWindow({ initialBytes: 1000, maxBytes: 1000 }, growth),
    awaitsAccept: false,
    opener: true,
    halfClose: true,
    ...options,
  });
  return { stream, closesSent, creditGiven };
}
