"""The sandbox's stand-in for the pulumi-aws plugin.

A gRPC ResourceProvider over one table (Pulumi type -> AWS calls), talking to the sandbox's moto
server and to nothing else. What moto lacks it keeps itself; `kept_by_stand_in` lists that.
"""

from sandbox.aws_provider.kept_calls import kept_by_stand_in

__all__ = ["kept_by_stand_in"]
