/**
 * Ports for the programs that cannot be told to choose one themselves.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";

/**
 * Finds ports that nobody uses now. Somebody may take one before it is used; the program that wanted it then fails to
 * come up, and says so.
 *
 * @param count How many.
 */
export async function freePorts<Count extends number>(count: Count): Promise<PortsOf<Count>> {
  // All are held at once, so that none comes twice.
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports as PortsOf<Count>;
}

/** A list of so many ports. */
type PortsOf<Count extends number> = Count extends 1 ? [number]
  : Count extends 2 ? [number, number]
  : Count extends 3 ? [number, number, number]
  : number[];

async function listen(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}
