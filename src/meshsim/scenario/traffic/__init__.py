"""Room scenario: traffic: when clients come, what they do, how long tasks take."""
