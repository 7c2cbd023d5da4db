import time

import dagster as dg
import pytest

from rag_pipelines.lib.reconcile import WANTED, ask_once


@dg.op
def work() -> None:
    """Does nothing."""


@dg.job
def some_job() -> None:
    work()


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


def a_run(instance, status, wanted="state"):
    return instance.create_run_for_job(some_job, tags={WANTED: wanted}, status=status)


def requested(asked) -> dg.RunRequest:
    assert isinstance(asked, dg.SensorResult)
    (request,) = asked.run_requests or []
    return request


def test_a_state_that_nothing_brings_about_is_asked_for(instance):
    request = requested(ask_once(instance, "some_job", "state"))
    assert request.tags[WANTED] == "state"


def test_the_run_key_stays_until_a_run_exists_so_a_lost_tick_does_not_ask_twice(instance):
    first = requested(ask_once(instance, "some_job", "state"))
    second = requested(ask_once(instance, "some_job", "state"))
    assert first.run_key == second.run_key


def test_nothing_is_asked_for_while_a_run_is_under_way(instance):
    a_run(instance, dg.DagsterRunStatus.STARTED)
    assert isinstance(ask_once(instance, "some_job", "state"), dg.SkipReason)


def test_a_failed_run_does_not_consume_the_wish(instance):
    run = a_run(instance, dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(run)
    assert isinstance(ask_once(instance, "some_job", "state"), dg.SkipReason)
    later = time.time() + 400
    request = requested(ask_once(instance, "some_job", "state", now=later))
    assert request.run_key == "state:1"


def test_another_state_is_not_held_up(instance):
    a_run(instance, dg.DagsterRunStatus.STARTED, wanted="other")
    requested(ask_once(instance, "some_job", "state"))
