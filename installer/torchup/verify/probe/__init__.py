"""Prove that a PyTorch installation computes correctly, on every device it can use.

    python tensor_probe.pyz --level quick [--json]

torchup packs these modules into one archive, which is what runs: it needs the standard library and torch only,
runs under any Python from 3.9 on with any torch from 2.0 on, and may be copied to another machine. torchup never
imports the modules; it runs the archive with the interpreter under test.

The process started by hand never imports torch. It starts a worker process that does, hands it one
check at a time, and watches the clock. A worker that crashes or hangs costs the check it was in; the
next check gets a fresh worker. Checks of one group share a worker, because importing torch is what
takes long.

Each check function takes a `Bench` and the operations under test as parameters, so that a wrong
operation can be put in to see the check fail. Sources of the limits stand beside them.
Exit status: 0 everything passed, 4 failed or degraded or nothing could be tested, 2 bad usage.
"""
