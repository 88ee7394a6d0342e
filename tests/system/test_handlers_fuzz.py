"""All methods of the real daemon, asked for what makes sense and for what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from house import House, picture, running
from wire_shapes import METHODS, MODEL_METHODS, answers, requests

pytestmark = pytest.mark.system

LONG = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def asked_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A daemon with a model and a few pictures, which must still be there at the end."""
    house = House(tmp_path_factory.mktemp("asked"), torchless=True)
    for number in range(5):
        picture(house.pictures / f"{number}.png", number)
    with running(house):
        house.sync()
        yield house
        with house.client() as client:
            client.resume()
        house.sync()
        assert house.status().pid == house.pid
        assert "Traceback" not in house.log.read_text()


def test_the_table_of_this_test_is_the_daemons(asked_house: House) -> None:
    for method in (*METHODS, *MODEL_METHODS):
        refused = answers(asked_house.socket, [[method, [{"colour": 1}]]])[1]
        assert refused.error == ("usage", "unknown parameter 'colour'")


@settings(LONG, max_examples=150)
@given(data=st.data())
def test_every_request_of_any_shape_gets_one_answer_and_never_a_mistake_of_ours(
    asked_house: House, data: st.DataObject
) -> None:
    asked: list[Any] = data.draw(st.lists(requests(asked_house.base), min_size=1, max_size=8))
    answers(asked_house.socket, asked)


@settings(LONG, max_examples=10)
@given(data=st.data())
def test_the_same_holds_of_the_methods_for_models(asked_house: House, data: st.DataObject) -> None:
    asked: list[Any] = data.draw(requests(asked_house.base, MODEL_METHODS))
    answers(asked_house.socket, [asked])
