"""The running program, with no screen: models, session, measurements and pairs, driven by one loop."""
