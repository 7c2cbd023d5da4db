import time

import pytest

from rag_pipelines.errors import FetchError, ModelError, ModelUnavailable, TooLarge
from rag_pipelines.inference.circuit import Circuit
from rag_pipelines.inference.transport import Refused

LONG = 60.0


def _fail(circuit: Circuit, error: type[ModelError] = ModelError) -> None:
    with pytest.raises(error, match="it broke"), circuit.call():
        raise error("it broke")


def _opened(pause: float) -> Circuit:
    circuit = Circuit("tiny", 2, pause)
    _fail(circuit)
    _fail(circuit)
    return circuit


def test_only_failures_in_a_row_open_it():
    circuit = Circuit("tiny", 2, LONG)
    for _ in range(3):
        _fail(circuit)
        with circuit.call():
            pass
    assert circuit.state == "closed"
    _fail(circuit)
    _fail(circuit)
    assert circuit.state == "open"


def test_open_it_tells_what_happened_and_when_it_tries_again():
    with (
        pytest.raises(ModelUnavailable, match=r"2 times in a row .* in (60|59) s; .* it broke"),
        _opened(LONG).call(),
    ):
        pass


def test_after_the_pause_one_call_is_let_through_and_its_success_closes_it():
    circuit = _opened(0)
    assert circuit.state == "half_open"
    with circuit.call():
        with pytest.raises(ModelUnavailable, match="just now"), circuit.call():
            pass
        assert circuit.state == "half_open"
    assert circuit.state == "closed"


def test_the_failure_of_that_call_opens_it_anew():
    circuit = _opened(0.05)
    while circuit.state == "open":
        time.sleep(0.01)
    _fail(circuit)
    assert circuit.state == "open"


def test_a_reader_that_goes_away_gives_its_turn_to_the_next():
    circuit = _opened(0)
    with pytest.raises(GeneratorExit), circuit.call():
        raise GeneratorExit
    assert circuit.state == "half_open"
    with circuit.call():
        pass
    assert circuit.state == "closed"


def test_a_server_that_refuses_a_request_is_there():
    circuit = _opened(0)
    _fail(circuit, Refused)
    assert circuit.state == "closed"


def test_what_counts_as_a_failure_and_what_is_raised_is_its_owners_choice():
    circuit = Circuit("store", 1, LONG, failure=TooLarge, unavailable=FetchError)
    with pytest.raises(FetchError), circuit.call():
        raise FetchError
    assert circuit.state == "closed"
    with pytest.raises(TooLarge), circuit.call():
        raise TooLarge("it broke")
    with pytest.raises(FetchError, match=r"store failed once .* it broke"), circuit.call():
        pass
