"""What the end-to-end tests stand on: engines, the programs under test, and the comparison of the two."""
