"""Read the file that the first argument names: its format, path, limit in bytes, texts and more."""

import json
import sys
from typing import Any

from noneq.unpacking.hdf5 import read_hdf5
from noneq.unpacking.matlab import read_matlab
from noneq.unpacking.molecules import read_molecules
from noneq.unpacking.netcdf3 import read_netcdf3
from noneq.unpacking.parquet import read_parquet
from noneq.unpacking.pieces import Bomb, Refused, Unfit
from noneq.unpacking.tree import read_tree


READERS = {
    "hdf5": read_hdf5,
    "matlab": read_matlab,
    "molecules": read_molecules,
    "netcdf3": read_netcdf3,
    "parquet": read_parquet,
    "tree": read_tree,
}


def main() -> None:
    """Say what is in the file, or what is wrong with it."""
    request = json.loads(sys.argv[1])
    out = sys.stdout.buffer

    def say(message: dict[str, Any], body: bytes = b"") -> None:
        out.write(json.dumps(message).encode() + b"\n")
        out.write(body)
        out.flush()

    try:
        reader = READERS[request["format"]]
        reader(request["path"], request["limit"], request["texts"], say, **request.get("more", {}))
    except Bomb as bomb:
        say({"claimed": bomb.args[0], "limit": request["limit"]})
    except Unfit as error:
        say({"unfit": str(error)})
    except Refused as error:
        say({"error": str(error)})
    except MemoryError:
        say({"error": "it unpacks to far more than it claims; refused as unsafe."})
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        say({"error": f"{type(error).__name__} ({text}); it is damaged or of another format."})


if __name__ == "__main__":
    main()
