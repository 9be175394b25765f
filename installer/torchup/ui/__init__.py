"""What a person sees: wizard, console, messages."""
