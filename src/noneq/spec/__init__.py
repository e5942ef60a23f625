"""Objects by name and as plain tables: what spec files and the command line speak."""

from noneq._face import exported as _exported
from noneq.spec.names import (
    find as find,
    knows as knows,
    modules as modules,
    own_function as own_function,
    own_value as own_value,
    public as public,
    unknown as unknown,
)
from noneq.spec.outlines import from_outline as from_outline, to_outline as to_outline
from noneq.spec.tables import (
    from_dict as from_dict,
    from_fields as from_fields,
    from_text as from_text,
    from_toml as from_toml,
    make as make,
    override as override,
    to_dict as to_dict,
    to_fields as to_fields,
    to_toml as to_toml,
)


__all__ = list(_exported(__file__))
