"""Unit, contract, property, tidy, simulation: nothing needed. Integration, browser: real servers."""
