"""Layer 1 proven in a booted machine: real user data, and a kernel that is broken on purpose."""
