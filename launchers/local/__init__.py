"""The resuming launcher of one machine: manager, workers, states."""
