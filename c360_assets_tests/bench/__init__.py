"""Benchmarks: times as ratios to a reference measured in the same process, so that the machine's
speed cancels out."""
