/**
 * The server's ports for visitors over HTTP.
 *
 * @module
 */
import type { HttpIngress } from "./http_ingress.ts";
import { type HttpAddresses, HttpServices } from "./http_services.ts";
import type { CertificateOptions, HttpServerOptions } from "./options.ts";
import type { VisitorPort } from "./visitors.ts";

/** Binds the ports, and knows what they lead to. */
export class HttpPorts {
  /** What the ports lead to. */
  readonly services: HttpServices;
  readonly #options: HttpServerOptions;
  readonly #ingress: HttpIngress;
  #http: VisitorPort | undefined;
  #https: VisitorPort | undefined;

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
    this.services = new HttpServices(options, ingress.plugins);
  }

  /** Where the ports are bound. */
  get addresses(): HttpAddresses {
    return { http: this.#http?.address, https: this.#https?.address };
  }

  /** Binds the ports. @throws {TunnelError} `BIND`, `CONFIG`; then none is bound */
  async start(): Promise<void> {
    const { bind, https } = this.#options;
    const shared = { routes: this.services, http: this.#options };
    try {
      if (https !== undefined) {
        this.#https = await this.#ingress.bind({ ...shared, address: https.bind, https });
      }
      if (bind !== undefined) {
        const redirectToPort = https?.redirect === true
          ? https.publicPort ?? this.#https?.address.port
          : undefined;
        this.#http = await this.#ingress.bind({
          ...shared,
          address: bind,
          ...(redirectToPort === undefined ? {} : { redirectToPort }),
        });
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

  /** Takes no more visitors. */
  async close(): Promise<void> {
    await Promise.all([this.#http?.close(), this.#https?.close()]);
  }
}
