"""The same service as in _grpc_service.mjs, in Python."""
from concurrent import futures
import threading

import grpc


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata((("why", "because"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "nope")
    given = dict(context.invocation_metadata()).get("given", "undefined")
    context.send_initial_metadata((("seen", given),))
    context.set_trailing_metadata((("after", "all"),))
    return b"re:" + request


def up(requests, context):
    sizes = [len(message) for message in requests]
    return f"{len(sizes)} {sum(sizes)}".encode()


def down(request, context):
    count, size = (int(number) for number in request.split())
    for _ in range(count):
        yield b"x" * size


def both(requests, context):
    for message in requests:
        yield b"re:" + message


def hang(request, context):
    left = threading.Event()
    context.add_callback(left.set)
    left.wait(30)
    print("left", flush=True)
    return b""


server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
server.add_generic_rpc_handlers((
    grpc.method_handlers_generic_handler("test.Echo", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Up": grpc.stream_unary_rpc_method_handler(up),
        "Down": grpc.unary_stream_rpc_method_handler(down),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Hang": grpc.unary_unary_rpc_method_handler(hang),
    }),
))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
server.wait_for_termination()
