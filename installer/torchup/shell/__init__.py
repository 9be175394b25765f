"""Shell configuration as text: quoting, env files and the managed block. Bytes in, bytes out."""
