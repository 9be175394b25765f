"""One way to ask, three ways to do it: questionary, plain numbered lines, and a script for tests.

Everything above talks to an `Asker`; only the back-ends touch the terminal.
"""
