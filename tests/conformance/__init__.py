"""The contract as data: rules, a table of cases, the libraries it holds for, what breaks it."""
