"""The live library: its database, its intake, its photos."""
