"""How it is run: engines and makers; the only place that defines jobs and flows."""
