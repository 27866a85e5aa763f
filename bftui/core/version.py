"""The version of bftui, for every room: the package itself imports all of them."""

VERSION = "0.1.0"
