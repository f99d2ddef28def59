"""Programs that write parts of ``docs/`` from the code; tests check that the parts are up to date."""
