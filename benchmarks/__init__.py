"""End to end at real sockets: `make bench`."""
