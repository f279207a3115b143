"""The data sets that come with Lockstep; their arrays are in the folder `files`, each under its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockstep.core.ground.words import Vocabulary

FILES_PATH = Path(__file__).with_name("files")


@dataclass(frozen=True, kw_only=True)
class Builtin:
    """A data set of `rows` rows of `columns` inputs; `class_names` is empty where the targets are values.

    `credit`: whose it is and where it comes from, as LICENSE-DATA.md has to say beside the file.
    """

    rows: int
    columns: int
    credit: str
    class_names: Sequence[str] = ()


NEEDS = {
    "rows": "how many there are",
    "columns": "how many numbers a row of inputs has",
    "credit": "the credit that its licence asks for",
}
BUILTINS: Vocabulary[Builtin] = Vocabulary(
    "built-in data set",
    NEEDS,
    {
        "digits": Builtin(
            rows=1797,
            columns=64,
            class_names=tuple(str(digit) for digit in range(10)),
            credit='test set of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, '
            "1998, UCI Machine Learning Repository, doi:10.24432/C50P49",
        ),
        "iris": Builtin(
            rows=150,
            columns=4,
            class_names=("setosa", "versicolor", "virginica"),
            credit='R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of '
            "Eugenics 7 (1936) 179-188; UCI, doi:10.24432/C56C76, in the paper's own version, as in R",
        ),
        "wine": Builtin(
            rows=178,
            columns=13,
            class_names=("class_0", "class_1", "class_2"),
            credit="M. Forina et al., PARVUS, Institute of Pharmaceutical and Food Analysis and "
            "Technologies, Genoa; donor Stefan Aeberhard, 1991; UCI, doi:10.24432/C5PC7J",
        ),
        "breast_cancer": Builtin(
            rows=569,
            columns=30,
            class_names=("malignant", "benign"),
            credit='W. H. Wolberg, W. N. Street and O. L. Mangasarian, "Breast Cancer Wisconsin '
            '(Diagnostic)", 1995; UCI, doi:10.24432/C5DW2B',
        ),
        "diabetes": Builtin(
            rows=442,
            columns=10,
            credit='B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression", Annals of '
            "Statistics 32 (2004) 407-499; https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
        ),
    }.items(),
)


def builtin_rows(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a data set that comes with Lockstep, float64, all rows."""
    with np.load(FILES_PATH / f"{name}.npz", allow_pickle=False) as arrays:
        return arrays["x"].astype(np.float64), arrays["y"].astype(np.float64)
