"""``python -m meshsim``: the same as the ``meshsim`` command."""

import sys

from meshsim.console.main import main

sys.exit(main())
