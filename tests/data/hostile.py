"""Files made to harm, small on disk: each function writes one and gives its path."""

import gzip
import io
import json
import pickle
import stat
import zipfile
import zlib
from pathlib import Path

import numpy as np

from noneq.data import Snapshots, write
from noneq.data.safety import seal


ZEROS = bytes(4_000_000)
HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }"


class Payload:
    """Leaves a marker if anything unpickles it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


def npy(header, body=b""):
    text = (header + " " * (117 - len(header)) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def archive(path, method=zipfile.ZIP_DEFLATED, **members):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def deflated_zeros(count):
    """A zlib stream of ``count`` times 4 MB of zeros, without deflating them all."""
    packer = zlib.compressobj(9)
    pieces = [packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    length = count * len(ZEROS) % 65521
    end = b"\x03\x00" + (length << 16 | 1).to_bytes(4, "big")
    return pieces[0] + pieces[1] * (count - 1) + end


def npz_bomb(folder):
    return archive(folder / "bomb.npz", values=npy(HEADER % "(15000000, 1)", ZEROS * 30))


def npz_whose_directory_lies(folder):
    """The directory says 152 bytes where 120 MB unpack."""
    content = npy(HEADER % "(3, 1)", ZEROS * 30)
    path = archive(folder / "directory.npz", values=content)
    size = len(content).to_bytes(4, "little")
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, (152).to_bytes(4, "little")))
    return path


def npz_of_many_names(folder, count=1000):
    """One member of 4 MB that a thousand entries of the directory share."""
    path = archive(folder / "shared.npz", values=npy(HEADER % "(500000, 1)", ZEROS))
    content = path.read_bytes()
    cut = content.index(b"PK\x01\x02")
    entry, end = content[cut : content.rindex(b"PK\x05\x06")], content[-22:]
    places = count.to_bytes(2, "little") * 2 + (len(entry) * count).to_bytes(4, "little")
    path.write_bytes(content[:cut] + entry * count + end[:8] + places + end[16:])
    return path


def npz_of_lzma(folder):
    return archive(folder / "lzma.npz", zipfile.ZIP_LZMA, values=npy(HEADER % "(500000, 1)", ZEROS))


def npz_that_claims_terabytes(folder):
    return archive(folder / "claim.npz", values=npy(HEADER % f"({10**12},)", bytes(8)))


def npz_of_a_pickle(folder):
    path = folder / "pickle.npz"
    np.savez(path, values=np.array([Payload(folder / "ran")], dtype=object))
    return path


def npz_of_bare_pickle(folder):
    return archive(folder / "bare.npz", values=pickle.dumps(Payload(folder / "ran")))


def npz_outside(folder):
    content = io.BytesIO()
    np.save(content, np.zeros((3, 2)))
    return archive(folder / "outside.npz", **{"../../outside": content.getvalue()})


def npz_with_a_link(folder):
    link = zipfile.ZipInfo("values.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "link.npz", "w") as file:
        file.writestr(link, "/etc/hostname")
    return folder / "link.npz"


def npz_with_a_long_record(folder):
    path, text = folder / "record.npz", b"[" + b"[]," * 3_000_000 + b"0]"
    np.savez_compressed(
        path, values=np.zeros((3, 1)), times=[0.0], noneq=np.frombuffer(text, np.uint8)
    )
    return path


def nc_of_deflated_zeros(folder, count=400, sealed=False):
    """A chunk of 24 bytes that unpacks to 1.6 GB."""
    import h5py

    path = folder / f"chunk{sealed:d}.nc"
    with h5py.File(path, "w") as file:
        made = file.create_dataset("values", (3, 1), "f8", chunks=(3, 1), compression="gzip")
        made.id.write_direct_chunk((0, 0), deflated_zeros(count))
    if sealed:
        seal(path)
    return path


def nc_that_looks_own(folder):
    return nc_of_deflated_zeros(folder, sealed=True)


def nc_that_claims_terabytes(folder):
    import h5py

    with h5py.File(folder / "claim.nc", "w") as file:
        file.create_dataset("values", (10**11, 2), "f8", chunks=(1000, 2), compression="gzip")
    return folder / "claim.nc"


def nc_of_a_vast_chunk(folder):
    import h5py

    with h5py.File(folder / "vast.nc", "w") as file:
        made = file.create_dataset(
            "values", (3, 1), "f8", chunks=(10**8, 1), maxshape=(None, 1), compression="gzip"
        )
        made.id.write_direct_chunk((0, 0), deflated_zeros(200))
    return folder / "vast.nc"


def nc_of_another_file(folder):
    import h5py

    with h5py.File(folder / "other.nc", "w") as file:
        file["values"] = h5py.ExternalLink("secret.h5", "/values")
    return folder / "other.nc"


def nc_with_a_vast_attribute(folder):
    import h5py

    with h5py.File(folder / "attribute.nc", "w") as file:
        file["values"] = np.zeros((3, 1))
        file.attrs["noneq"] = "[" * 100_000_000
    return folder / "attribute.nc"


def nc_of_repeated_text(folder):
    """100,000 references to one text of a megabyte."""
    import h5py

    with h5py.File(folder / "text.nc", "w") as file:
        made = file.create_dataset("values", (100_000,), h5py.string_dtype(), chunks=(100_000,))
        made[0] = "x" * 1_000_000
        reference = made.id.read_direct_chunk((0,))[1][:16]
        made.id.write_direct_chunk((0,), reference * 100_000)
        made.make_scale("values")
    return folder / "text.nc"


def h5_of_deflated_zeros(folder):
    """The same in HDF5 of others, found by its path."""
    return nc_of_deflated_zeros(folder).rename(folder / "chunk.h5")


def h5_of_vast_cells(folder):
    """An h5ad whose sparse matrix claims 8 petabytes."""
    import h5py

    with h5py.File(folder / "vast.h5ad", "w") as file:
        file["obs/_index"] = np.zeros(3)
        matrix = file.create_group("X")
        matrix.attrs["encoding-type"], matrix.attrs["shape"] = "csr_matrix", (10**9, 10**6)
        for name in ("data", "indices", "indptr"):
            matrix[name] = np.zeros(3)
    return folder / "vast.h5ad"


def mat_of_zeros(folder):
    """A field of a structure with 480 MB of zeros, whose size is not known before."""
    from scipy.io import savemat

    savemat(folder / "zeros.mat", {"s": {"x": np.zeros((1000, 60_000))}}, do_compression=True)
    return folder / "zeros.mat"


def xml_of_entities(folder):
    lines = [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10)]
    text = f'<!DOCTYPE a [<!ENTITY a0 "{"x" * 100}">{"".join(lines)}]><a>&a9;</a>'
    (folder / "entities.xml").write_text(text)
    return folder / "entities.xml"


def older_zarr(folder, name, codec, chunk):
    """A folder of zarr format 2 with one chunk, whose bytes are given."""
    place = folder / name / "values"
    place.mkdir(parents=True)
    (folder / name / ".zgroup").write_text('{"zarr_format": 2}')
    about = {"zarr_format": 2, "shape": [3, 1], "chunks": [3, 1], "dtype": "<f8", "order": "C"}
    about |= {"fill_value": None, "filters": None, "compressor": {"id": codec}}
    (place / ".zarray").write_text(json.dumps(about))
    (place / "0.0").write_bytes(chunk)
    return folder / name


def older_zarr_of_zlib(folder):
    return older_zarr(folder, "zlib.zarr", "zlib", deflated_zeros(100))


def older_zarr_of_lz4(folder):
    return older_zarr(folder, "lz4.zarr", "lz4", (2_000_000_000).to_bytes(4, "little") + bytes(99))


def zarr_folder(folder, name, codec, chunk, shape=(3, 1)):
    """A folder with one chunk, whose bytes are given."""
    import zarr

    path = folder / name
    group = zarr.open_group(path, mode="w", zarr_format=3)
    made = group.create_array(
        "values",
        shape=shape,
        chunks=shape,
        dtype="f8",
        compressors=codec,
        dimension_names=("a", "b"),
    )
    made[:] = 1.0
    if chunk is not None:
        (path / "values" / "c" / "0" / "0").write_bytes(chunk)
    return path


def zarr_of_gzip(folder):
    from zarr.codecs import GzipCodec

    return zarr_folder(folder, "gzip.zarr", GzipCodec(), gzip.compress(ZEROS) * 800)


def zarr_of_zstd(folder):
    from numcodecs.zstd import Zstd
    from zarr.codecs import ZstdCodec

    return zarr_folder(folder, "zstd.zarr", ZstdCodec(), Zstd().encode(ZEROS) * 800)


def zarr_of_blosc(folder):
    """The header of the chunk says 1.6 GB."""
    from numcodecs import blosc
    from zarr.codecs import BloscCodec

    packed = bytearray(blosc.compress(ZEROS, b"zstd", 1))
    packed[4:8] = (1_600_000_000).to_bytes(4, "little")
    return zarr_folder(folder, "blosc.zarr", BloscCodec(), bytes(packed))


def zarr_that_claims_terabytes(folder):
    path = zarr_folder(folder, "claim.zarr", None, None)
    file = path / "values" / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"shape": [10**11, 2]}))
    return path


def zarr_of_a_vast_chunk(folder):
    import zarr

    group = zarr.open_group(folder / "vast.zarr", mode="w", zarr_format=3)
    group.create_array("values", shape=(10, 2), chunks=(10**8, 2), dtype="f8")
    return folder / "vast.zarr"


def zarr_with_a_vast_attribute(folder):
    path = zarr_folder(folder, "attribute.zarr", None, None)
    file = path / "zarr.json"
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"attributes": {"a": [[]] * 3_000_000}})
    )
    return path


def zarr_of_an_unknown_codec(folder):
    path = zarr_folder(folder, "codec.zarr", None, None)
    file = path / "values" / "zarr.json"
    metadata = json.loads(file.read_text())
    metadata["codecs"] = [{"name": "numcodecs.pickle", "configuration": {}}]
    file.write_text(json.dumps(metadata))
    chunk = path / "values" / "c" / "0" / "0"
    chunk.write_bytes(pickle.dumps(Payload(folder / "ran")))
    return path


def parquet_of(folder, name, columns, **options):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), folder / name, **options)
    return folder / name


def repeated(value, count):
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), pa.array([value]))


def parquet_of_one_number(folder):
    return parquet_of(folder, "number.parquet", dict.fromkeys("abcd", repeated(0.0, 10**7)))


def parquet_of_one_long_label(folder):
    """A label of 9 MB, 1,000 times."""
    columns = {"x": np.zeros(1000), "time": np.zeros(1000)}
    return parquet_of(
        folder, "label.parquet", columns | {"trajectory": repeated("x" * 9_000_000, 1000)}
    )


def parquet_of_plain_text(folder):
    """200 MB of labels, packed."""
    columns = {"x": np.zeros(200), "time": np.zeros(200), "trajectory": ["x" * 1_000_000] * 200}
    return parquet_of(
        folder,
        "text.parquet",
        columns,
        use_dictionary=False,
        compression="zstd",
        write_statistics=False,
    )


def csv_of_one_long_label(folder):
    path = folder / "label.csv"
    path.write_text("time,trajectory,x\n" + "0,a,1\n" * 20_000 + f"0,{'b' * 130_000},1\n")
    return path


def csv_of_one_line(folder):
    path = folder / "line.csv"
    with path.open("w") as stream:
        stream.write("x,")
        for _ in range(15):
            stream.write("ab," * 1_000_000)
    return path


HOSTILE = (
    npz_bomb, npz_whose_directory_lies, npz_of_many_names, npz_of_lzma, npz_that_claims_terabytes,
    npz_of_a_pickle, npz_of_bare_pickle, npz_outside, npz_with_a_link, npz_with_a_long_record,
    nc_of_deflated_zeros, nc_that_looks_own, nc_that_claims_terabytes, nc_of_a_vast_chunk,
    nc_of_another_file, nc_with_a_vast_attribute, nc_of_repeated_text,
    zarr_of_gzip, zarr_of_zstd, zarr_of_blosc, zarr_that_claims_terabytes, zarr_of_a_vast_chunk,
    zarr_with_a_vast_attribute, zarr_of_an_unknown_codec,
    parquet_of_one_number, parquet_of_one_long_label, parquet_of_plain_text,
    csv_of_one_long_label, csv_of_one_line,
    h5_of_deflated_zeros, h5_of_vast_cells, mat_of_zeros, xml_of_entities, older_zarr_of_zlib,
    older_zarr_of_lz4,
)  # fmt: skip


QUICK = (
    npz_whose_directory_lies, npz_of_many_names, npz_of_lzma, npz_with_a_long_record,
    nc_of_deflated_zeros, nc_of_a_vast_chunk, nc_of_repeated_text, zarr_of_gzip, zarr_of_zstd,
    zarr_of_blosc, zarr_of_a_vast_chunk, parquet_of_one_long_label, csv_of_one_long_label,
    h5_of_vast_cells, xml_of_entities, older_zarr_of_zlib, older_zarr_of_lz4,
)  # fmt: skip
"""One of each kind that is made at once."""


def good_files(folder):
    """A harmless file of each format."""
    data = Snapshots(np.random.default_rng(0).normal(size=(100, 2)))
    paths = [folder / f"good.{extension}" for extension in ("npz", "zarr", "csv", "nc", "parquet")]
    for path in paths:
        write(data, path)
    return paths
