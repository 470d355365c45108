"""The CrossGuard pack: one policy, one module, one spec in tests/policies/.

`__main__.py` only assembles; constructing a PolicyPack serves for ever, so
nothing may import it. No module here imports a provider SDK: the pack starts at
every preview, and catalog/ has all the facts that it needs.
"""
