// A gRPC service for tests, in Node. Prints its port, then a line for each call that is left.
// deno-lint-ignore-file explicit-function-return-type -- JavaScript has no types.
import { Buffer } from "node:buffer";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";

const text = {
  requestSerialize: (value) => Buffer.from(value),
  requestDeserialize: (bytes) => bytes.toString(),
  responseSerialize: (value) => Buffer.from(value),
  responseDeserialize: (bytes) => bytes.toString(),
};
const method = (name, requestStream, responseStream) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  ...text,
});

const METHODS = {
  unary: method("Unary", false, false),
  up: method("Up", true, false),
  down: method("Down", false, true),
  both: method("Both", true, true),
  hang: method("Hang", false, false),
};

function metadata(name, value) {
  const made = new Metadata();
  made.set(name, value);
  return made;
}

const HANDLERS = {
  unary: (call, answer) => {
    if (call.request === "fail") {
      return answer({ code: status.NOT_FOUND, details: "nope", metadata: metadata("why", "because") });
    }
    call.sendMetadata(metadata("seen", String(call.metadata.get("given")[0])));
    answer(null, `re:${call.request}`, metadata("after", "all"));
  },
  up: (call, answer) => {
    let messages = 0;
    let bytes = 0;
    call.on("data", (message) => {
      messages++;
      bytes += message.length;
    });
    call.on("end", () => answer(null, `${messages} ${bytes}`));
  },
  down: (call) => {
    const [count, bytes] = call.request.split(" ").map(Number);
    let sent = 0;
    const push = () => {
      while (sent < count) {
        sent++;
        if (!call.write("x".repeat(bytes))) return call.once("drain", push);
      }
      call.end();
    };
    push();
  },
  both: (call) => {
    call.on("data", (message) => call.write(`re:${message}`));
    call.on("end", () => call.end());
  },
  hang: (call) => call.on("cancelled", () => console.log("left")),
};

const server = new Server();
server.addService(METHODS, HANDLERS);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(`port ${port}`);
});
