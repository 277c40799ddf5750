"""The service, in layers: docs/architecture.md says which may import from which."""

import gc

# Most of what lives has been imported and stays: look through all of it less often.
gc.set_threshold(50_000, 20, 100)
