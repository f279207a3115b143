"""Recompute `result.weights_sha256` from a download: python examples/digest.py model.safetensors"""

import hashlib
import sys

from safetensors.numpy import load_file

digest = hashlib.sha256()
for name, array in sorted(load_file(sys.argv[1]).items()):
    shape = ",".join(map(str, array.shape))
    digest.update(f"{name}\0{array.dtype.name}\0{shape}\0".encode())
    digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes("C"))
print(digest.hexdigest())  # noqa: T201 - it is a script
