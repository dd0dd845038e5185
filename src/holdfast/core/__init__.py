"""The rules of Holdfast, pure: no input or output, no clock, no randomness. Time comes in as an argument."""
