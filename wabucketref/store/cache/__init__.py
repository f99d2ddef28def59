"""What this machine remembers so that nothing is read, sent or fetched twice; losing it costs time only."""
