"""The terminal application: layouts over the engine, and no computing of its own."""
