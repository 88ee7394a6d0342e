import pytest

from imgq import sizes


@pytest.mark.parametrize(
    ("text", "amount"),
    [("512MiB", 512 << 20), ("2 GiB", 2 << 30), ("2gb", 2 * 10**9), ("64B", 64), ("1KiB", 1024)],
)
def test_a_size_is_read(text: str, amount: int) -> None:
    assert sizes.parse(text) == amount


@pytest.mark.parametrize("text", ["", "2", "GiB", "-2GiB", "2 barrels", "٢GiB", "1.5GiB"])
def test_what_is_no_size_is_told_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="512MiB or 2GiB"):
        sizes.parse(text)


@pytest.mark.parametrize(
    ("value", "word"),
    [("none", "infinity"), ("50%", "50%"), ("010%", "10%"), ("2GiB", str(2 << 30))],
)
def test_a_bound_of_memory_becomes_systemds_word(value: str, word: str) -> None:
    assert sizes.memory_bound(value) == word


@pytest.mark.parametrize("value", [None, 50, "", "9%", "101%", "1000%", "511MiB", "all", "50 %"])
def test_a_bound_that_would_starve_it_or_makes_no_sense_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="512MiB"):
        sizes.memory_bound(value)
