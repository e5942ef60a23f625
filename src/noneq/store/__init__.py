"""Run folders: saving and loading what was fitted, safely."""

from noneq._face import exported as _exported
from noneq.store.inside import inside as inside
from noneq.store.locks import lock as lock
from noneq.store.records import (
    add_rows as add_rows,
    fingerprint as fingerprint,
    read_rows as read_rows,
    write_text as write_text,
)
from noneq.store.runs import (
    load as load,
    read_meta as read_meta,
    read_spec as read_spec,
    save as save,
    write as write,
)


__all__ = list(_exported(__file__))
