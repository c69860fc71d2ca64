/**
 * The server's ports for visitors over HTTP.
 *
 * @module
 */
import type { PreparedPlugins } from "../plugins/types.ts";
import type { HttpIngress, HttpPortRules, HttpVisitorPort } from "./http_ingress.ts";
import { type HttpAddresses, HttpRules } from "./http_rules.ts";
import { HttpServices } from "./http_services.ts";
import type { CertificateOptions, HttpServerOptions, ServerLimits } from "./options.ts";

/** Other rules that can be put in place. */
export interface PreparedHttp {
  /** Puts them in place, at once. */
  take(): void;
  /** Gives up what was made for them. */
  discard(): Promise<void>;
}

/** Binds the ports, and knows what they lead to. */
export class HttpPorts {
  /** What the ports lead to. */
  readonly services: HttpServices;
  #options: HttpServerOptions;
  readonly #ingress: HttpIngress;
  #http: HttpVisitorPort | undefined;
  #https: HttpVisitorPort | undefined;

  /**
   * @param options What the server is told about HTTP.
   * @param ingress Takes the visitors.
   * @throws {TypeError} for options that cannot be used
   */
  constructor(options: HttpServerOptions, ingress: HttpIngress) {
    if (options.bind === undefined && options.https === undefined) {
      throw new TypeError("HTTP needs a port: give `bind`, `https` or both");
    }
    this.#options = options;
    this.#ingress = ingress;
    this.services = new HttpServices(new HttpRules(options, ingress.plugins ?? new Set()));
  }

  /** Where the ports are bound. */
  get addresses(): HttpAddresses {
    return { http: this.#http?.address, https: this.#https?.address };
  }

  /** Binds the ports. @throws {TunnelError} `BIND`, `CONFIG`; then none is bound */
  async start(): Promise<void> {
    const { bind, https } = this.#options;
    const routes = this.services;
    try {
      if (https !== undefined) {
        const rules = { http: this.#options };
        this.#https = await this.#ingress.bind({ ...rules, routes, address: https.bind, https });
      }
      if (bind !== undefined) {
        this.#http = await this.#ingress.bind({ ...this.#plainRules(), routes, address: bind });
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    this.services.bound(this.addresses);
  }

  /**
   * Takes other certificates for visitors that come from now on. Without HTTPS it does nothing.
   *
   * @throws {TunnelError} `CONFIG` for one that cannot be used; then nothing has changed
   */
  setCertificates(certificates: readonly CertificateOptions[]): void {
    this.#https?.setCertificates?.(certificates);
  }

  /**
   * Makes what other rules need. Ports stay where they are: none is bound anew, none is given up. Certificates stay too.
   *
   * @param wanted What the server is told about HTTP now; as before when left out.
   * @param limits Those that hold from now on, once the rules are taken.
   * @throws {TunnelError} `CONFIG` for a plugin that cannot be made
   * @throws {TypeError} for rules that cannot be used
   */
  async prepare(wanted: HttpServerOptions | undefined, limits: ServerLimits): Promise<PreparedHttp> {
    const options = wanted === undefined ? this.#options : withPortsOf(this.#options, wanted);
    const plugins: PreparedPlugins | undefined = await this.#ingress.prepare?.(options, limits);
    const names = plugins?.names ?? this.#ingress.plugins ?? new Set();
    let rules: HttpRules;
    try {
      rules = new HttpRules(options, names);
    } catch (error) {
      await plugins?.discard();
      throw error;
    }
    return {
      take: () => {
        this.#options = options;
        plugins?.take();
        this.services.change(rules);
        this.#https?.change({ http: options });
        this.#http?.change(this.#plainRules());
      },
      discard: async () => await plugins?.discard(),
    };
  }

  /** Takes no more visitors. */
  async close(): Promise<void> {
    await Promise.all([this.#http?.close(), this.#https?.close()]);
  }

  #plainRules(): HttpPortRules {
    const { https } = this.#options;
    const port = https?.redirect === true ? https.publicPort ?? this.#https?.address.port : undefined;
    return { http: this.#options, ...(port === undefined ? {} : { redirectToPort: port }) };
  }
}

/**
 * The HTTP ports of a server.
 *
 * @param options What it is told about HTTP; undefined for none.
 * @param ingress Makes what takes the visitors.
 * @throws {TypeError} for options that cannot be used
 */
export function makeHttpPorts(
  options: HttpServerOptions | undefined,
  ingress: () => HttpIngress | undefined,
): HttpPorts | undefined {
  if (options === undefined) return undefined;
  const made = ingress();
  if (made === undefined) throw new TypeError("This server was made without what takes HTTP visitors");
  return new HttpPorts(options, made);
}

/** Other options, with the ports of those that are in use. */
function withPortsOf(used: HttpServerOptions, wanted: HttpServerOptions): HttpServerOptions {
  const { bind: _, https: wantedHttps, ...rest } = wanted;
  const { bind, https } = used;
  return {
    ...rest,
    ...(bind === undefined ? {} : { bind }),
    ...(https === undefined ? {} : {
      https: { ...wantedHttps ?? https, bind: https.bind, certificates: https.certificates },
    }),
  };
}
