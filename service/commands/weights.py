"""`lockstep weights`: what a job learned, as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, get_args

import typer

from lockstep.service.client import WeightsFormat
from lockstep.service.commands.access import CommandError, DataDirOption, JobIdArgument, connected

WITHOUT_ROOM = ("npz", "json")
"""Formats that can't tell what is done to the inputs first."""


def weights(
    job_id: JobIdArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file; its ending says the format.")
    ],
    data_dir: DataDirOption = None,
) -> None:
    """Save the learned weights as .safetensors, .npz or .json, or the whole model as .onnx.

    Of a job that was cancelled or failed: those of its last checkpoint. What is done to the inputs first is
    inside an .onnx and a .safetensors; beside a .npz or .json it is written as .preprocessing.json.
    """
    formats: dict[str, WeightsFormat] = {f".{name}": name for name in get_args(WeightsFormat)}
    wanted = formats.get(output.suffix)
    if wanted is None:
        raise CommandError(
            f"{output} ends in no format of weights: expected one of {', '.join(sorted(formats))}"
        )
    with connected(data_dir) as client:
        found = client.weights_file(job_id, format=wanted)
        beside = preprocessing_in(client.weights(job_id)) if wanted in WITHOUT_ROOM else None
    of_step = "" if found.step is None else f", of step {found.step:,}: the job has no result"
    _save(output, found.content)
    typer.echo(f"{output}: {len(found.content):,} bytes{of_step}")
    if beside is not None:
        path = output.with_suffix(".preprocessing.json")
        _save(path, json.dumps(beside).encode())
        typer.echo(f"{path}: what is done to the inputs first, for which {output.name} has no room")


def _save(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def preprocessing_in(safetensors: bytes) -> object:
    """What a downloaded file's header says is done to inputs first; None for nothing.

    Read by hand: the command line starts without NumPy, and safetensors' own reader wants it.
    """
    header = json.loads(safetensors[8 : 8 + int.from_bytes(safetensors[:8], "little")])
    metadata = header["__metadata__"]
    if "preprocessing_damaged" in metadata:
        raise CommandError(f"nobody can tell what is done to the inputs: {metadata['preprocessing_damaged']}")
    return json.loads(metadata["preprocessing"])
