/**
 * Asks a server or a client how it is, over its admin endpoint.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ChildProgram } from "../support/child_program.ts";
import { ADMIN_TOKEN } from "../support/tunnel_process.ts";

/** What a server says about itself. */
interface Status {
  readonly clients: readonly {
    readonly member: number;
    readonly streams: number;
    readonly bufferedBytes: number;
    readonly direct: { readonly visitors: number };
  }[];
}

/** What a client says about itself. */
interface OwnStatus {
  readonly connected: boolean;
  readonly streams: number;
  readonly bufferedBytes: number;
  readonly connections: readonly { readonly connected: boolean }[];
  readonly direct: { readonly visitors: number };
}

/** An admin endpoint. */
export class Admin {
  /** Arguments with which a server has one. */
  static readonly args: readonly string[] = ["--admin-bind", "127.0.0.1:0"];
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** Finds it. @param program Started with {@linkcode Admin.args} */
  static async of(program: ChildProgram): Promise<Admin> {
    const [, url = ""] = await program.line(/^admin +(http:\S+)$/);
    return new Admin(url);
  }

  /** Bytes that wait at the server for slow visitors. */
  async bufferedBytes(): Promise<number> {
    const { clients } = await this.status();
    return clients.reduce((sum, client) => sum + client.bufferedBytes, 0);
  }

  /** Open streams. */
  async streams(): Promise<number> {
    const { clients } = await this.status();
    return clients.reduce((sum, client) => sum + client.streams, 0);
  }

  /** Its whole state. */
  async status(): Promise<Status> {
    return JSON.parse(await this.#get("api/v1/status")).status;
  }

  /** The whole state of a client. */
  async ownStatus(): Promise<OwnStatus> {
    return JSON.parse(await this.#get("api/v1/status")).status;
  }

  /** Its metrics, in Prometheus' text format. */
  metrics(): Promise<string> {
    return this.#get("metrics");
  }

  async #get(path: string): Promise<string> {
    const response = await fetch(`${this.#url}${path}`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, connection: "close" },
    });
    assert.equal(response.status, 200);
    return await response.text();
  }
}
