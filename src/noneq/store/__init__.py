"""Run folders: saving and loading what was fitted, safely."""

from noneq.store.locks import lock as lock
from noneq.store.records import (
    add_rows as add_rows,
)
from noneq.store.records import (
    fingerprint as fingerprint,
)
from noneq.store.records import (
    read_rows as read_rows,
)
from noneq.store.records import (
    write_text as write_text,
)
from noneq.store.runs import load as load
from noneq.store.runs import read_meta as read_meta
from noneq.store.runs import save as save
from noneq.store.runs import write as write
