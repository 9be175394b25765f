"""The system layer of a plan: driver, repositories and toolkits of the operating system, from recipes that are data."""
