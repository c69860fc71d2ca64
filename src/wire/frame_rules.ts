/**
 * What the first five bytes of a frame may say.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import {
  FRAME_CONTROL,
  FRAME_DATA,
  FRAME_GO_AWAY,
  FRAME_WINDOW_UPDATE,
  GO_AWAY_BYTES,
  WINDOW_UPDATE_BYTES,
} from "./frame.ts";
import {
  DATA_HEADER_BYTES,
  MAX_CONTROL_FRAME_BYTES,
  MAX_FRAME_BYTES,
  MAX_UNAUTHENTICATED_FRAME_BYTES,
} from "./limits.ts";

/** What has been agreed with the peer so far. */
export interface FrameGate {
  /** While false, only control frames of at most 4 KiB are accepted. */
  readonly authenticated: boolean;
  /** Whether the extension frame types are accepted. */
  readonly extensions: boolean;
}

/** Bytes of the length field, which does not count itself. */
const LENGTH_BYTES = 4;

/**
 * Judges a length as soon as its four bytes are there.
 *
 * @throws {ProtocolError} rule `empty_frame` or `frame_too_large`
 */
export function checkFrameLength(length: number, gate: FrameGate): void {
  if (length === 0) throw new ProtocolError("empty_frame", "Frame length is 0; at least 1 is needed");
  const max = gate.authenticated ? MAX_FRAME_BYTES : MAX_UNAUTHENTICATED_FRAME_BYTES;
  if (length > max) throw new ProtocolError("frame_too_large", `Frame length ${length} is over ${max}`);
}

/**
 * Judges a type, together with the length, as soon as its byte is there.
 *
 * @throws {ProtocolError} rule `not_authenticated`, `unknown_frame_type`, `frame_too_large`, `bad_frame_length` or
 * `truncated_message`
 */
export function checkFrameType(type: number, length: number, gate: FrameGate): void {
  if (type === FRAME_CONTROL) {
    if (length > MAX_CONTROL_FRAME_BYTES) {
      const message = `Control frame length ${length} is over ${MAX_CONTROL_FRAME_BYTES}`;
      throw new ProtocolError("frame_too_large", message);
    }
    if (length === 1) throw new ProtocolError("truncated_message", "Control frame is empty");
    return;
  }
  if (!gate.authenticated) {
    throw new ProtocolError("not_authenticated", `Frame of type ${type} came before authentication`);
  }
  if (type === FRAME_DATA) {
    if (length < DATA_HEADER_BYTES - LENGTH_BYTES) badLength("Data", length);
    return;
  }
  if (!gate.extensions || (type !== FRAME_WINDOW_UPDATE && type !== FRAME_GO_AWAY)) {
    throw new ProtocolError("unknown_frame_type", `Frame has the type ${type}`);
  }
  const expected = (type === FRAME_WINDOW_UPDATE ? WINDOW_UPDATE_BYTES : GO_AWAY_BYTES) - LENGTH_BYTES;
  if (length !== expected) badLength(type === FRAME_WINDOW_UPDATE ? "Window update" : "Go away", length);
}

function badLength(what: string, length: number): never {
  throw new ProtocolError("bad_frame_length", `${what} frame has the length ${length}`);
}
