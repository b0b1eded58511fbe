"""What is built: pure geometry in Å and degrees; no energies, no jobs."""
