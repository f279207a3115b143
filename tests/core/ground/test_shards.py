"""The tree gives the same bits whatever the grouping, and the blocks of all members cover all leaves once."""

import itertools
import tracemalloc

import numpy as np
import pytest

from lockstep.core.ground.shards import Block, TreeSum, additions, aligned_blocks, blocks_of, shard_rows

pytestmark = pytest.mark.bits

WIDTH = 7


def leaf_vectors(leaves: int, seed: int = 0) -> list[np.ndarray]:
    """Vectors of very different sizes, so that each order of additions has bits of its own."""
    random = np.random.default_rng(seed)
    scale = 10.0 ** random.integers(-6, 7, (leaves, WIDTH))
    return list((random.standard_normal((leaves, WIDTH)) * scale).astype(np.float32))


def tree_total(vectors: list[np.ndarray | None], first: int = 0, size: int = 0) -> np.ndarray | None:
    """The definition, written down as it reads: left half plus right half, what is absent is skipped."""
    size = size or 1 << (len(vectors) - 1).bit_length()
    if first >= len(vectors):
        return None
    if size == 1:
        return vectors[first]
    left = tree_total(vectors, first, size // 2)
    right = tree_total(vectors, first + size // 2, size // 2)
    if left is None or right is None:
        return right if left is None else left
    return np.asarray(left + right)


def sum_as_they_come(blocks: list[Block], vectors: list[np.ndarray]) -> np.ndarray | None:
    tree = TreeSum(WIDTH, np.dtype(np.float32))
    out = np.full(WIDTH, np.nan, np.float32)
    tree.start(out)
    for block, vector in zip(blocks, vectors, strict=True):
        tree.add(block, vector)
    return out if tree.finish() else None


def test_the_leaves_have_an_order_that_shows_in_the_bits() -> None:
    vectors = leaf_vectors(8)
    one_by_one = vectors[0].copy()
    for vector in vectors[1:]:
        one_by_one += vector
    assert tree_total(list(vectors)) is not None
    assert np.any(one_by_one != tree_total(list(vectors)))


@pytest.mark.parametrize("shards", [1, 2, 8, 64])
@pytest.mark.parametrize("rows", [1, 5, 7, 64, 100])
def test_shards_cut_a_batch_into_rows_without_gap_or_overlap(shards: int, rows: int) -> None:
    ranges = [range(*shard_rows(shard, shards, rows)) for shard in range(shards)]
    assert list(itertools.chain(*ranges)) == list(range(rows))
    sizes = {len(rows_of_shard) for rows_of_shard in ranges}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("first", "count"), [(0, 0), (0, 3), (1, 2), (2, 4), (-2, 2)])
def test_a_block_that_is_no_node_of_the_tree_is_refused(first: int, count: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Block(first, count)


@pytest.mark.parametrize("leaves", range(1, 18))
@pytest.mark.parametrize("world_size", [1, 2, 3, 5, 8, 20])
def test_the_blocks_of_all_members_cover_all_leaves_once_in_order(leaves: int, world_size: int) -> None:
    blocks = [block for rank in range(world_size) for block in blocks_of(rank, world_size, leaves)]
    assert [leaf for block in blocks for leaf in block.leaves()] == list(range(leaves))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 8, [(0, 8)]),
        (0, 5, [(0, 4), (4, 1)]),
        (2, 5, [(2, 2), (4, 1)]),
        (3, 13, [(3, 1), (4, 4), (8, 4), (12, 1)]),
        (4, 4, []),
    ],
)
def test_leaves_are_cut_into_the_fewest_blocks(low: int, high: int, expected: list[tuple[int, int]]) -> None:
    assert [(block.first, block.count) for block in aligned_blocks(low, high)] == expected


@pytest.mark.parametrize("leaves", range(1, 18))
def test_any_grouping_and_any_absences_give_the_bits_of_the_definition(leaves: int) -> None:
    vectors = leaf_vectors(leaves, seed=leaves)
    random = np.random.default_rng(leaves)
    for world_size in (1, 2, 3, 5, 8):
        absent = set(random.choice(leaves, size=int(random.integers(0, leaves + 1)), replace=False).tolist())
        present = [None if leaf in absent else vector for leaf, vector in enumerate(vectors)]
        expected = tree_total(present)
        blocks, partials = [], []
        for block in (b for rank in range(world_size) for b in blocks_of(rank, world_size, leaves)):
            inside = [leaf for leaf in block.leaves() if leaf not in absent]
            partial = sum_as_they_come(
                [Block(leaf, 1) for leaf in inside], [vectors[leaf] for leaf in inside]
            )
            if partial is not None:
                blocks.append(block)
                partials.append(partial)
        total = sum_as_they_come(blocks, partials)
        if expected is None:
            assert total is None
            assert additions(blocks) == ()
            continue
        assert total is not None
        np.testing.assert_array_equal(total, expected)
        for left, right in additions(blocks):
            partials[left] += partials[right]
        np.testing.assert_array_equal(partials[0], expected)


def test_the_first_vector_may_be_the_output_itself() -> None:
    vectors = leaf_vectors(4)
    tree = TreeSum(WIDTH, np.dtype(np.float32))
    out = vectors[0].copy()
    tree.start(out)
    tree.add(Block(0, 1), out)
    for leaf in (1, 2, 3):
        tree.add(Block(leaf, 1), vectors[leaf])
    assert tree.finish()
    np.testing.assert_array_equal(out, tree_total(list(vectors)))


@pytest.mark.parametrize("leaves", [1, 2, 8, 64, 63])
def test_no_more_buffers_than_the_tree_is_high(leaves: int) -> None:
    vector = np.ones(100_000, np.float32)
    tree, out = TreeSum(vector.size, vector.dtype), np.empty_like(vector)
    tracemalloc.start()
    try:
        tree.start(out)
        for leaf in range(leaves):
            tree.add(Block(leaf, 1), vector)
        tree.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak // vector.nbytes <= (leaves - 1).bit_length()
    assert out[0] == leaves


def test_a_block_out_of_order_is_refused() -> None:
    tree = TreeSum(WIDTH, np.dtype(np.float32))
    tree.start(np.empty(WIDTH, np.float32))
    tree.add(Block(2, 2), np.ones(WIDTH, np.float32))
    with pytest.raises(ValueError, match="from leaf 4 on"):
        tree.add(Block(3, 1), np.ones(WIDTH, np.float32))
