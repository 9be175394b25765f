"""The only folder that changes anything: the System seam, the executor, the journal."""
