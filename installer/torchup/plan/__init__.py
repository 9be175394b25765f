"""Resolution and facts to a plan; pure."""
