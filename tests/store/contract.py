"""What every store must do: the definition of correct.

A backend's test module imports all of it and says what its `shelf` is: where a store is kept,
and how it is opened again.
"""

from tests.store.asking import store as store
from tests.store.contract_events import *  # noqa: F403
from tests.store.contract_groups import *  # noqa: F403
from tests.store.contract_keys import *  # noqa: F403
from tests.store.contract_listing import *  # noqa: F403
from tests.store.contract_loading import *  # noqa: F403
from tests.store.contract_questions import *  # noqa: F403
from tests.store.contract_removal import *  # noqa: F403
from tests.store.contract_submissions import *  # noqa: F403
from tests.store.contract_updates import *  # noqa: F403
