"""A second model beside a session."""
