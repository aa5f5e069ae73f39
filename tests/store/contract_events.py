"""What every store must do with the event log."""

from tests.store.contract_event_groups import *  # noqa: F403
from tests.store.contract_event_keys import *  # noqa: F403
from tests.store.contract_life import *  # noqa: F403
from tests.store.contract_streams import *  # noqa: F403
