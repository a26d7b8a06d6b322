"""The tests: a package, lest another of that name be found first (Ciw's, which the benchmarks bring)."""
