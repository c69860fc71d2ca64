/**
 * What the admin endpoint shows: the server or the client, seen through an interface.
 *
 * @module
 */
import type { Counters } from "../observe/counters.ts";

/** A value that goes up and down, read when metrics are asked for. */
export interface GaugeReading {
  /** Snake case, without the `ferrotunnel_` that is put in front; readings of one name have the same label names. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** The value now. */
  readonly value: number;
  /** Label names and values. Both come from code and configuration, never from a peer. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What came of reading the configuration again. */
export type ReloadOutcome =
  | {
    readonly ok: true;
    /** What has changed, each with its text. */
    readonly changes: readonly { readonly type: string; readonly text: string }[];
  }
  | {
    readonly ok: false;
    /** Why nothing has changed, one line each. */
    readonly problems: readonly string[];
  };

/** A server or client that can be asked how it is. The methods must be quick; they may throw, which is answered 500. */
export interface AdminTarget {
  /** Which of the two. */
  readonly role: "server" | "client";
  /** Whether it can do its work now: listening, or connected. */
  ready(): boolean;
  /** Its state, to be shown as JSON. Without secrets. */
  status(): unknown;
  /** What it has counted. */
  readonly counters: Counters;
  /** Its gauges now. */
  gauges(): Iterable<GaugeReading>;
  /** Reads the configuration again. Never rejects. @default it was made without a configuration */
  readonly reload?: (() => Promise<ReloadOutcome>) | undefined;
}
