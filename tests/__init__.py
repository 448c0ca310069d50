"""The tests: unit, contract, property, tidy and simulation need nothing; integration and browser use real servers."""
