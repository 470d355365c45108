"""Run as the engine runs a plugin: print the port, serve until told to stop.

The engine's address comes as the first argument. The process ends on SIGINT and SIGTERM, and when
the process that started it is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.aws_provider.servicer import AwsStandIn

# pulumi's own limit for its gRPC channels.
MAX_MESSAGE_BYTES = 400 * 1024 * 1024
PARENT_CHECK_SECONDS = 2.0


def main() -> int:
    """Serve on a free port of the loopback interface."""
    # A profile would only make boto3 look for files that the sandbox has nothing to do with.
    os.environ.pop("AWS_PROFILE", None)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = grpc.server(
        ThreadPoolExecutor(max_workers=16),
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsStandIn(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    parent = os.getppid()
    while not stop.wait(PARENT_CHECK_SECONDS) and os.getppid() == parent:
        pass
    server.stop(grace=1).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
