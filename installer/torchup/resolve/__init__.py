"""Facts, request and offers to a resolution; pure, apart from the offers folder."""
