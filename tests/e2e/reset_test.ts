import assert from "node:assert/strict";
import { runtimeName, test } from "../harness.ts";
import { within } from "../support/deadline.ts";
import { connectSocket, listenSockets } from "../support/raw_socket.ts";
import { MIXES, nameOf } from "../support/tunnel_process.ts";
import { Stage, startTunnel } from "./_stage.ts";
import { MIB } from "./_traffic.ts";

const VISITORS = 30;
/** So much of an upload the service takes before it breaks off. */
const TAKEN_BYTES = 2 * MIB;
/** Neither the service, which runs here, nor the server can break a connection under Deno so that the peer notices. */
const skip = runtimeName === "deno" ? "Deno cannot reset a connection" : undefined;

for (const mix of MIXES) {
  test(
    `A service that breaks off looks broken off to its visitor, who is sending (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const service = await listenSockets({
        onSocket: (socket) => {
          void socket.write(new Uint8Array(64 * 1024));
          socket.onData = () => {
            if (socket.bytesReceived >= TAKEN_BYTES) socket.connection.reset();
          };
        },
      });
      try {
        const { port } = await startTunnel(stage, mix, { localPort: service.address.port });
        for (let visitor = 0; visitor < VISITORS; visitor++) {
          const socket = await connectSocket({ hostname: "127.0.0.1", port }, { onData: () => {} });
          const piece = new Uint8Array(256 * 1024);
          const sending = (async () => {
            while (await socket.write(piece));
          })();
          await within(socket.ended, "the end of a visitor's connection");
          assert.ok(socket.isClosed, `Visitor ${visitor} took what it had for everything`);
          assert.ok((await socket.closed).error !== undefined);
          await sending;
        }
      } finally {
        await service.close();
      }
    },
    { skip },
  );
}
