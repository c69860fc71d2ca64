/**
 * Waits until somebody listens, or until a tunnel carries a byte or a request to the service and the answer back, in
 * TypeScript; as `until.c`.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { exchange } from "./http.ts";
import { HEADER_BYTES, Peer, type PlaceText } from "./peer.ts";

const RETRY_MS = 2;

/** A port that is bound before the tunnel stands may take the byte and never give it back. */
const ANSWER_MS = 1000;

/** Waits so many milliseconds at most for `what`. */
export async function until(
  what: string,
  { place, forMs }: { readonly place: PlaceText; readonly forMs: number },
  print: (result: Readonly<Record<string, number>>) => void,
): Promise<void> {
  const endMs = performance.now() + forMs;
  while (!await tryOnce(what, place)) {
    if (performance.now() > endMs) {
      throw new Error(what === "taken" ? `Nobody listens on ${place}` : `${place} leads nowhere`);
    }
    await delay(RETRY_MS);
  }
  print({ reached: 1 });
}

async function tryOnce(what: string, place: PlaceText): Promise<boolean> {
  let peer: Peer;
  try {
    peer = await Peer.dial(place);
  } catch {
    return false;
  }
  const timer = setTimeout(() => peer.close(), ANSWER_MS);
  try {
    if (what === "taken") return true;
    if (what === "http") return await exchange(peer);
    const request = new Uint8Array(HEADER_BYTES + 1);
    request[0] = "e".charCodeAt(0);
    await peer.send(request);
    await peer.receive(1);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    peer.close();
  }
}
