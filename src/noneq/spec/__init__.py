"""Objects by name and as plain tables: what spec files and the command line speak."""

from noneq.spec.names import find as find
from noneq.spec.names import modules as modules
from noneq.spec.names import public as public
from noneq.spec.names import unknown as unknown
from noneq.spec.tables import (
    from_dict as from_dict,
)
from noneq.spec.tables import (
    from_fields as from_fields,
)
from noneq.spec.tables import (
    from_toml as from_toml,
)
from noneq.spec.tables import (
    override as override,
)
from noneq.spec.tables import (
    to_dict as to_dict,
)
from noneq.spec.tables import (
    to_fields as to_fields,
)
from noneq.spec.tables import (
    to_toml as to_toml,
)
