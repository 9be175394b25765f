"""The diagnosis: looks at a set-up layer by layer, from the bus to the toolchain, and changes nothing."""
