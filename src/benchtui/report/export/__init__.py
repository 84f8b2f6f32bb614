"""Results in the formats of other tools. A number that was not measured is left out, never 0."""
