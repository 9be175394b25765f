"""The frozen values that pass between the stages; nothing here reads or changes a machine."""
