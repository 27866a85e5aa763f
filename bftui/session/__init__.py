"""What a person does, with no screen: commands in, events out, one tree that loses nothing."""
