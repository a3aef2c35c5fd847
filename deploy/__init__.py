"""Running the hall for real: private servers for trying it, systemd units and an nginx example."""
